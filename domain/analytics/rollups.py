"""Rollups: the sums that are kept of outages, and how far behind the last commit they are."""

from dataclasses import dataclass

# As many changes are folded in one transaction.
FOLDED_MAX = 2000


@dataclass(frozen=True, slots=True)
class FoldResult:
    """How many changes were folded, and whether there were more of them."""

    changes: int

    @property
    def goes_on(self) -> bool:
        return self.changes >= FOLDED_MAX
