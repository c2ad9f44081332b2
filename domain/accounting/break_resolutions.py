"""
Break resolutions: what a closed break left in suspense is recovered or written off, once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.accounting.breaks import SUSPENSE
from domain.accounting.journal import Entry, EntryKind
from domain.accounting.postings import Posting
from domain.digests import derive_id
from domain.errors import Conflict, Invalid

LOSSES = "expense:reconciliation"
NOTE_MAX = 1000


class BreakResolutionOutcome(StrEnum):
    RECOVERED = "recovered"
    WRITTEN_OFF = "written_off"


@dataclass(frozen=True, slots=True)
class BreakResolution:
    """A person's statement of what became of the money that a break left in suspense."""

    break_id: str
    outcome: BreakResolutionOutcome
    note: str
    resolved_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BreakResolutionRecord:
    """A resolution, and the entry that it posted."""

    resolution: BreakResolution
    amount_stroops: int
    entry_id: str

    def is_same(self, other: BreakResolution) -> bool:
        """Return whether the same person states the same again."""
        said = (self.resolution.outcome, self.resolution.note, self.resolution.resolved_by)
        return said == (other.outcome, other.note, other.resolved_by)


def make_resolution_entry(
    resolution: BreakResolution, closing: Entry | None, treasury: str | None
) -> Entry:
    """Take out of suspense what `closing` the break put there; refused where that was no loss."""
    if closing is None or treasury is None:
        raise Conflict(
            f"break {resolution.break_id} left nothing in suspense; there is nothing to resolve"
        )
    lost = _sum_suspense(closing)
    if lost <= 0:
        raise Invalid(
            "outcome",
            "the treasury holds more than the journal says, so nothing was lost; pay the surplus to whom it "
            "belongs, and close the break of that transfer with suspense",
        )
    back = (
        f"treasury:{treasury}" if resolution.outcome is BreakResolutionOutcome.RECOVERED else LOSSES
    )
    return Entry(
        derive_id("ent", resolution.break_id, EntryKind.RESOLUTION),
        EntryKind.RESOLUTION,
        closing.payment_id,
        (Posting(back, lost), Posting(SUSPENSE, -lost)),
        closing.currency,
    )


def get_resolved_stroops(entry: Entry) -> int:
    """Return how many stroops a resolution takes out of suspense."""
    return -_sum_suspense(entry)


def _sum_suspense(entry: Entry) -> int:
    return sum(each.amount_stroops for each in entry.postings if each.account == SUSPENSE)
