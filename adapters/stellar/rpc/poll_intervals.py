"""
How long to wait before a node is asked again for what the next ledger brings.

The time between ledgers is learned from when they are seen. What is looked at too early costs a
call, what is looked at too late keeps a payment waiting: so the first look is a little early, and
the next ones follow in short steps, which grow when the ledger is long overdue.
"""

from collections import deque
from itertools import pairwise
from statistics import median

LOOK_EVERY_SECONDS = 0.25
# Longer than the public network takes; no learned number may make a watch sleep through ledgers.
WAIT_SECONDS_MAX = 6.0
# Times the shortest step: the first looks for a ledger, and those after them.
STEPS = (1, 1, 1, 1, 2, 2, 4, 4, 8)
STEPS_LOST = (1, 1, 1, 1, 2)  # while nobody knows when the next one is due
LEDGERS_KEPT = 8


class PollInterval:
    """The pace at which a network's ledgers are seen to close."""

    def __init__(self) -> None:
        # When new ledgers were seen, by their number.
        self._seen: deque[tuple[int, float]] = deque(maxlen=LEDGERS_KEPT)
        self._newest = 0
        self._looks = 0

    def reset(self) -> None:
        """Nobody has looked for a while: the next ledger shown may have closed long ago."""
        self._newest = self._looks = 0

    def get_wait_seconds(self, ledger: int, now: float) -> float:
        """Return the seconds to wait, now that a look has shown that this ledger is the newest."""
        if ledger > self._newest:
            # A node that lags may show again what another has shown.
            if self._newest and (not self._seen or ledger > self._seen[-1][0]):
                self._seen.append((ledger, now))
            self._newest, self._looks = ledger, 0
            if (early := self._get_seconds_to_next(now)) > LOOK_EVERY_SECONDS:
                return min(early, WAIT_SECONDS_MAX)
        steps = STEPS if self._is_synchronised else STEPS_LOST
        step = steps[min(self._looks, len(steps) - 1)]
        self._looks += 1
        return LOOK_EVERY_SECONDS * step

    @property
    def _seconds(self) -> float:
        """The time between two ledgers; one long halt of the network does not change it."""
        pairs = pairwise(self._seen)
        return median((ended - began) / (last - first) for (first, began), (last, ended) in pairs)

    @property
    def _is_synchronised(self) -> bool:
        """Tell whether it is known when ledgers close: seen more than once, and not long ago."""
        return len(self._seen) > 1 and self._newest - self._seen[-1][0] <= LEDGERS_KEPT

    def _get_seconds_to_next(self, now: float) -> float:
        """How long it takes to a little before the next ledger is due; 0 if nobody knows."""
        if not self._is_synchronised:
            return 0.0
        last, seen_at = self._seen[-1]
        seconds = self._seconds
        due = seen_at + (self._newest + 1 - last) * seconds
        return min(due - now, seconds) - LOOK_EVERY_SECONDS
