"""
The ledger clock: what time it is by the ledgers, which bounds a transaction, whatever this machine says.

A ledger that a node shows for the first time has just closed; from then on the time that has passed is
added. Of several nodes the middle one counts, so that one that is wrong moves nothing.
"""

import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

# So many of the newest ledgers of a node: the one that was seen soonest after its close is the best.
LEDGERS_KEPT = 12
NAMES = (
    *("latest_ledger_close_time", "latest_ledger_close_timestamp"),
    "latest_Ledger_close_time",
)


class LedgerClock:
    """Knows the time as soon as any node has shown when its newest ledger closed."""

    def __init__(self) -> None:
        # By node: its newest ledger, and how far its time is ahead of this machine's monotonic clock.
        self._newest: dict[str, int] = {}
        self._first: dict[str, float] = {}
        self._ahead: dict[str, deque[float]] = {}

    def record(self, node: str, ledger: int, reply: Any) -> None:
        """Remember when a ledger closed, if the reply says so and it is the newest of its node."""
        closed = next((at for name in NAMES if (at := getattr(reply, name, None))), None)
        before = self._newest.get(node)
        if closed is None or (before is not None and ledger <= before):
            return
        self._newest[node], ahead = ledger, float(closed) - time.monotonic()
        if before is None:
            self._first[node] = ahead
            return
        self._ahead.setdefault(node, deque(maxlen=LEDGERS_KEPT)).append(ahead)

    def get_time(self) -> datetime | None:
        """Return the time by the ledgers; None before any node has shown one."""
        known = self._first | {node: max(seen) for node, seen in self._ahead.items()}
        return _add(known)

    def get_watched_time(self) -> datetime | None:
        """Return the time by ledgers that were seen to follow each other, so that none is of long ago."""
        return _add({node: max(seen) for node, seen in self._ahead.items()})


def _add(ahead: dict[str, float]) -> datetime | None:
    if not ahead:
        return None
    middle = sorted(ahead.values())[len(ahead) // 2]
    return datetime.fromtimestamp(middle + time.monotonic(), UTC)
