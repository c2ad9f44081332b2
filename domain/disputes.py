"""What a dispute is: an objection to a verdict, filed inside the window, ruled on once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import Invalid
from domain.outages import Request
from domain.sla import MTTR_MINUTES_MAX

REASON_MAX, NOTE_MAX = 300, 200


class DisputeStatus(StrEnum):
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    EXPIRED = "expired"


TRANSITIONS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    DisputeStatus.OPEN: frozenset(
        {
            DisputeStatus.UNDER_REVIEW,  # somebody has taken it up
            DisputeStatus.RESOLVED,
            DisputeStatus.REJECTED,
            DisputeStatus.EXPIRED,
        }
    ),
    DisputeStatus.UNDER_REVIEW: frozenset(
        {
            DisputeStatus.RESOLVED,  # upheld, possibly with a corrected time to repair
            DisputeStatus.REJECTED,  # the verdict stands
            DisputeStatus.EXPIRED,  # nobody ruled in time; the verdict stands
        }
    ),
    DisputeStatus.RESOLVED: frozenset(),
    DisputeStatus.REJECTED: frozenset(),
    DisputeStatus.EXPIRED: frozenset(),
}
# Nobody has ruled on it yet: there is at most one of these for each outage.
UNDECIDED = frozenset({DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW})


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection to one outage's verdict; at most one is open at a time."""

    id: str
    outage_id: str
    reason: str
    request: Request


@dataclass(frozen=True, slots=True)
class Ruling:
    """
    The answer to a dispute. Upheld with `mttr_minutes`, the outage is judged again by it;
    upheld without, or rejected, the verdict stands.
    """

    dispute_id: str
    upheld: bool
    request: Request
    note: str = ""
    mttr_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody takes a dispute up, to rule on it; the time to rule goes on running."""

    dispute_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class ReviewDisputeInput:
    outage_id: str
    review: Review
    at: datetime


@dataclass(frozen=True, slots=True)
class Filed:
    dispute_id: str
    ruling_deadline: datetime
    deliveries: list[str]


@dataclass(frozen=True, slots=True)
class Filing:
    dispute: Dispute
    revision: int
    ruling_window_seconds: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Deciding:
    """`ruling` is None when the time to rule has run out."""

    outage_id: str
    dispute_id: str
    ruling: Ruling | None
    at: datetime


def check_dispute(dispute: Dispute) -> None:
    if not 1 <= len(dispute.reason.strip()) <= REASON_MAX:
        raise Invalid("reason", f"must be 1 to {REASON_MAX} characters")


def check_ruling(ruling: Ruling) -> None:
    if len(ruling.note) > NOTE_MAX:
        raise Invalid("resolution_note", f"must be at most {NOTE_MAX} characters")
    if ruling.mttr_minutes is None:
        return
    if not ruling.upheld:
        raise Invalid("mttr_minutes", "may be corrected only when the dispute is upheld")
    if not 0 <= ruling.mttr_minutes <= MTTR_MINUTES_MAX:
        raise Invalid("mttr_minutes", f"must be 0 to {MTTR_MINUTES_MAX}")
