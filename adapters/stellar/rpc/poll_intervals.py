"""
The poll interval: how long to wait before a node is called again for the next ledger.

The time between ledgers is estimated from when they were seen. Polling too early costs a call, polling
too late keeps a payment waiting. So the first poll is a little early, and the next ones follow at short
intervals, which grow when the ledger is long overdue.
"""

from collections import deque
from itertools import pairwise
from statistics import median

LOOK_EVERY_SECONDS = 0.25
# Longer than a ledger of the public network takes; no estimate may make the watcher miss ledgers.
WAIT_SECONDS_MAX = 6.0
# Multiples of the shortest interval: for the first polls of a ledger, and those after them.
BACKOFF = (1, 1, 1, 1, 2, 2, 4, 4, 8)
BACKOFF_UNSYNCHRONISED = (1, 1, 1, 1, 2)  # while it is not known when the next ledger is due
LEDGERS_KEPT = 8


class PollInterval:
    """Estimates when the next ledger closes, from when earlier ones were seen."""

    def __init__(self) -> None:
        # When new ledgers were seen, by their number.
        self._seen: deque[tuple[int, float]] = deque(maxlen=LEDGERS_KEPT)
        self._newest = 0
        self._looks = 0

    def reset(self) -> None:
        """Start again after a pause: the next ledger shown may have closed long ago."""
        self._newest = self._looks = 0

    def get_wait_seconds(self, ledger: int, now: float) -> float:
        """Return the seconds to wait, given the newest ledger that the last poll has shown."""
        if ledger > self._newest:
            # A lagging node may show a ledger that another one has shown before.
            if self._newest and (not self._seen or ledger > self._seen[-1][0]):
                self._seen.append((ledger, now))
            self._newest, self._looks = ledger, 0
            if (early := self._get_seconds_to_next(now)) > LOOK_EVERY_SECONDS:
                return min(early, WAIT_SECONDS_MAX)
        factors = BACKOFF if self._is_synchronised else BACKOFF_UNSYNCHRONISED
        factor = factors[min(self._looks, len(factors) - 1)]
        self._looks += 1
        return LOOK_EVERY_SECONDS * factor

    @property
    def _seconds(self) -> float:
        """The median time between two ledgers, which one long halt of the network does not change."""
        pairs = pairwise(self._seen)
        return median((ended - began) / (last - first) for (first, began), (last, ended) in pairs)

    @property
    def _is_synchronised(self) -> bool:
        """Tell whether it is known when ledgers close: two or more were seen, and not long ago."""
        return len(self._seen) > 1 and self._newest - self._seen[-1][0] <= LEDGERS_KEPT

    def _get_seconds_to_next(self, now: float) -> float:
        """Return the seconds until shortly before the next ledger is due; 0 if that is not known."""
        if not self._is_synchronised:
            return 0.0
        last, seen_at = self._seen[-1]
        seconds = self._seconds
        due = seen_at + (self._newest + 1 - last) * seconds
        return min(due - now, seconds) - LOOK_EVERY_SECONDS
