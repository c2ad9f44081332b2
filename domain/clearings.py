"""
What a closed break left in suspense is cleared once: it came back to its treasury, or it is given up.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.breaks import SUSPENSE
from domain.digests import derived_id
from domain.errors import Conflict, Invalid
from domain.ledger import Entry, EntryKind, Posting
from domain.payments import Treasury

LOSSES = "expense:reconciliation"
NOTE_MAX = 1000


class Outcome(StrEnum):
    RECOVERED = "recovered"
    WRITTEN_OFF = "written_off"


@dataclass(frozen=True, slots=True)
class Clearing:
    """Who says what became of the money that a break left in suspense, and how they know."""

    break_id: str
    outcome: Outcome
    note: str
    cleared_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClearingRecord:
    """A clearing, and what was booked by it."""

    clearing: Clearing
    amount_stroops: int
    entry_id: str

    def is_same(self, other: Clearing) -> bool:
        """Whether the same person says the same again."""
        said = (self.clearing.outcome, self.clearing.note, self.clearing.cleared_by)
        return said == (other.outcome, other.note, other.cleared_by)


def clearing_entry(clearing: Clearing, closing: Entry | None, treasury: Treasury | None) -> Entry:
    """Take out of suspense what `closing` the break put there; refused where that was no loss."""
    if closing is None or treasury is None:
        raise Conflict(
            f"break {clearing.break_id} left nothing in suspense; there is nothing to clear"
        )
    lost = _in_suspense(closing)
    if lost <= 0:
        raise Invalid(
            "outcome",
            "the treasury holds more than the journal says; that leaves suspense with the transfer "
            "which pays it to whom it belongs, when the break of that is closed with suspense",
        )
    back = f"treasury:{treasury}" if clearing.outcome is Outcome.RECOVERED else LOSSES
    return Entry(
        derived_id("ent", clearing.break_id, EntryKind.CLEARING),
        EntryKind.CLEARING,
        closing.payment_id,
        (Posting(back, lost), Posting(SUSPENSE, -lost)),
        closing.currency,
    )


def cleared(entry: Entry) -> int:
    """How many stroops a clearing takes out of suspense."""
    return -_in_suspense(entry)


def _in_suspense(entry: Entry) -> int:
    return sum(each.amount_stroops for each in entry.postings if each.account == SUSPENSE)
