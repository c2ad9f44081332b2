"""How many posts to each receiver are on their way from this process, and how many more may leave."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

from domain.deliveries import (
    CONCURRENT_POSTS,
    CONCURRENT_POSTS_FAILING,
    FAILING,
    POSTS_PER_SECOND,
    Room,
)


class ReceiverLimits:
    """A receiver that answers slowly, or never, has a few posts at once, and so is in no other's way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._posts = Counter[str]()
        # Of a receiver: how many posts could have left, and when that was true.
        self._allowances: dict[str, tuple[float, float]] = {}

    def list_busy(self) -> Mapping[str, Room]:
        """Return every receiver that may not have all at once."""
        for webhook_id in [*self._allowances]:
            if not self._posts[webhook_id] and self._compute(webhook_id) >= POSTS_PER_SECOND:
                del self._allowances[webhook_id]
                del self._posts[webhook_id]
        return {
            webhook_id: Room(self._posts[webhook_id], int(self._compute(webhook_id)))
            for webhook_id in self._allowances
        }

    def has_room(self, webhook_id: str, failures: int) -> bool:
        most = CONCURRENT_POSTS if failures < FAILING else CONCURRENT_POSTS_FAILING
        return self._posts[webhook_id] < most and self._compute(webhook_id) >= 1

    def take(self, webhook_id: str) -> None:
        self._allowances[webhook_id] = (self._compute(webhook_id) - 1, self._clock())
        self._posts[webhook_id] += 1

    def release(self, webhook_id: str) -> None:
        self._posts[webhook_id] -= 1

    def _compute(self, webhook_id: str) -> float:
        left, at = self._allowances.get(webhook_id, (float(POSTS_PER_SECOND), 0.0))
        return min(left + (self._clock() - at) * POSTS_PER_SECOND, float(POSTS_PER_SECOND))
