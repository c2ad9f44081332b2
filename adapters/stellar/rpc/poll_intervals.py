"""
The poll interval: how long to wait before a node is called again for the next ledger.

The time between ledgers is estimated from when they were seen. Polling too early costs a call, polling
too late keeps a payment waiting. So the first poll is a little early, and the next ones follow at short
intervals, which grow when the ledger is long overdue.

Where ledgers close regularly, each is between the last poll that did not show it and the first that did. What
several of them have in common of that is soon so short that the next ledger is polled for once, just after it closes.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

LOOK_EVERY_SECONDS = 0.25
# Longer than a ledger of the public network takes; no estimate may make the watcher miss ledgers.
WAIT_SECONDS_MAX = 6.0
# Multiples of the shortest interval: for the first polls of a ledger, and those after them.
BACKOFF = (1, 1, 1, 1, 2, 2, 4, 4, 8)
BACKOFF_REGULAR = (0.2, 0.4, *BACKOFF)  # while it is known to a fraction of it
BACKOFF_UNSYNCHRONISED = (1, 1, 1, 1, 2)  # while it is not known when the next ledger is due
LEDGERS_KEPT = 8
# How exactly a poll says when a ledger closed, as a part of the shortest interval: calls take time.
EXACTNESS = 0.1
# After so many ledgers in a row that closed when they were expected, the next ones are expected so, too.
REGULAR_AFTER = 5


@dataclass(frozen=True, slots=True)
class ClosingTime:
    """A ledger closed between these two; `regular` is how many before it did when they were expected."""

    ledger: int
    after: float
    before: float
    regular: int = 0

    def narrow(self, expected: "ClosingTime") -> "ClosingTime":
        """Return what this has in common with what was expected, if anything."""
        after, before = max(self.after, expected.after), min(self.before, expected.before)
        return (
            self
            if after > before
            else ClosingTime(self.ledger, after, before, expected.regular + 1)
        )

    def project(self, ledger: int, seconds: float) -> "ClosingTime":
        """Return when a later ledger closes, if all take so many seconds; that is known less exactly."""
        later, margin = (ledger - self.ledger) * seconds, EXACTNESS * LOOK_EVERY_SECONDS
        return ClosingTime(
            ledger, self.after + later - margin, self.before + later + margin, self.regular
        )


class PollInterval:
    """Estimates when the next ledger closes, from when earlier ones were seen."""

    def __init__(self) -> None:
        # When new ledgers were seen, by their number.
        self._seen: deque[tuple[int, float]] = deque(maxlen=LEDGERS_KEPT)
        self._newest = 0
        self._looks = 0
        self._closed: ClosingTime | None = None
        # When the last poll was that showed no new ledger, since one did.
        self._missed_at: float | None = None

    def reset(self) -> None:
        """Start again after a pause: the next ledger shown may have closed long ago."""
        self._newest = self._looks = 0
        self._closed = self._missed_at = None

    def get_wait_seconds(self, ledger: int, now: float) -> float:
        """Return the seconds to wait, given the newest ledger that the last poll has shown."""
        if ledger > self._newest:
            # A lagging node may show a ledger that another one has shown before.
            if self._newest and (not self._seen or ledger > self._seen[-1][0]):
                self._seen.append((ledger, now))
                self._note_closing(ledger, now)
            self._newest, self._looks, self._missed_at = ledger, 0, None
            if (wait := self._get_seconds_to_next(now)) > 0:
                return min(wait, WAIT_SECONDS_MAX)
        else:
            self._missed_at = now
        factors = self._choose_factors()
        factor = factors[min(self._looks, len(factors) - 1)]
        self._looks += 1
        return LOOK_EVERY_SECONDS * factor

    def _choose_factors(self) -> Sequence[float]:
        if self._is_regular:
            return BACKOFF_REGULAR
        return BACKOFF if self._is_synchronised else BACKOFF_UNSYNCHRONISED

    @property
    def _seconds(self) -> float:
        """The median time between two ledgers, which one long halt of the network does not change."""
        pairs = pairwise(self._seen)
        return median((ended - began) / (last - first) for (first, began), (last, ended) in pairs)

    @property
    def _mean_seconds(self) -> float:
        """The mean time between two ledgers: exact where they are regular, however exactly each was seen."""
        (first, began), (last, ended) = self._seen[0], self._seen[-1]
        return (ended - began) / (last - first)

    @property
    def _is_synchronised(self) -> bool:
        """Tell whether it is known when ledgers close: two or more were seen, and not long ago."""
        return len(self._seen) > 1 and self._newest - self._seen[-1][0] <= LEDGERS_KEPT

    @property
    def _is_regular(self) -> bool:
        return (
            self._is_synchronised
            and self._closed is not None
            and self._closed.ledger == self._newest
            and self._closed.regular >= REGULAR_AFTER
        )

    def _note_closing(self, ledger: int, now: float) -> None:
        """Note between which polls a ledger closed, and whether that was to be expected."""
        if not self._is_synchronised:
            return
        seconds, before, missed_at = self._mean_seconds, self._closed, self._missed_at
        if missed_at is None and not self._is_regular:
            self._closed = None  # it may have closed long before
            return
        closed = ClosingTime(ledger, now - seconds if missed_at is None else missed_at, now)
        if before is not None:
            closed = closed.narrow(before.project(ledger, seconds))
        self._closed = closed

    def _get_seconds_to_next(self, now: float) -> float:
        """Return the seconds until the next ledger is due, or shortly before that; 0 if that is not known."""
        if not self._is_synchronised:
            return 0.0
        last, seen_at = self._seen[-1]
        if self._is_regular and self._closed is not None:
            due = self._closed.project(self._newest + 1, self._mean_seconds)
            known = due.before - due.after <= 4 * EXACTNESS * LOOK_EVERY_SECONDS
            return (due.before if known else (due.after + due.before) / 2) - now
        seconds = self._seconds
        due_at = seen_at + (self._newest + 1 - last) * seconds
        early = min(due_at - now, seconds) - LOOK_EVERY_SECONDS
        return early if early > LOOK_EVERY_SECONDS else 0.0
