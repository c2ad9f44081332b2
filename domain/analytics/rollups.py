"""Rollups: the sums that are kept of outages, and how far behind the last commit they are."""

from dataclasses import dataclass
from datetime import timedelta

# At most so many changes are folded in one transaction, and at least so many are tried however slow it is.
FOLDED_MAX = 2000
FOLDED_MIN = 50
# A portion that took longer is followed by a smaller one: a database ends what takes several times as long.
UNHURRIED = timedelta(seconds=3)
QUICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """How many changes were folded of those that were wanted, and whether there were more of them."""

    changes: int
    wanted: int = FOLDED_MAX

    @property
    def goes_on(self) -> bool:
        return self.changes >= self.wanted


def choose_portion(portion: int, took: timedelta | None) -> int:
    """Return how many changes to fold next, after a portion that took so long, or that failed where that is None."""
    if took is None or took > UNHURRIED:
        return max(FOLDED_MIN, portion // 4)
    return min(FOLDED_MAX, portion * 2) if took < QUICK else portion
