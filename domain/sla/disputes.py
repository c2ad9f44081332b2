"""Disputes: objections to a verdict, filed inside the dispute window and decided once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import Forbidden, Invalid
from domain.requests import UNVERIFIED, Request, is_unverified
from domain.sla.verdicts import Severity

REASON_MAX, NOTE_MAX = 300, 200


class DisputeStatus(StrEnum):
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


# Upheld, possibly with other minutes or another severity; or the verdict stands: rejected, withdrawn by
# who filed it, or not decided in time. Each is final.
DECIDED = (
    *(DisputeStatus.RESOLVED, DisputeStatus.REJECTED, DisputeStatus.WITHDRAWN),
    DisputeStatus.EXPIRED,
)
TRANSITIONS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    # somebody has taken it up, or decided it at once
    DisputeStatus.OPEN: frozenset({DisputeStatus.UNDER_REVIEW, *DECIDED}),
    DisputeStatus.UNDER_REVIEW: frozenset(DECIDED),
    **dict.fromkeys(DECIDED, frozenset()),
}
# Nobody has decided it yet: there is at most one of these for each outage.
UNDECIDED = frozenset({DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW})


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection to one outage's verdict; at most one is open at a time."""

    id: str
    outage_id: str
    reason: str
    request: Request
    # Of the claimant who files it.
    party: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeRecord:
    """A dispute as it is on record, with whoever reviewed and decided it."""

    id: str
    outage_id: str
    revision: int
    status: DisputeStatus
    reason: str
    filed_by: str
    created_at: datetime
    decision_deadline: datetime
    reviewed_by: str | None
    review_began_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    resolution_note: str | None
    decided_mttr_minutes: int | None
    decided_severity: Severity | None = None
    party: str | None = None

    def describe_decision(self) -> str:
        """Say in a sentence what holds: how it was decided, by whom and when."""
        if self.decided_at is None:
            return f"dispute {self.id!r} is {self.status.replace('_', ' ')}"
        minutes, severity = self.decided_mttr_minutes, self.decided_severity
        corrected = "" if minutes is None else f" with {minutes} minutes to repair"
        corrected += "" if severity is None else f" as {severity}"
        by, at = self.decided_by, self.decided_at.isoformat()
        return f"dispute {self.id!r} was {self.status}{corrected} by {by} at {at}"


@dataclass(frozen=True, slots=True)
class DisputeDecision:
    """
    The answer to a dispute. Upheld with `mttr_minutes` or a `severity`, the outage is judged again by
    them; upheld without, or rejected, or withdrawn by who filed it, the verdict stands.
    """

    dispute_id: str
    upheld: bool
    request: Request
    note: str = ""
    mttr_minutes: int | None = None
    withdrawn: bool = False
    severity: Severity | None = None
    # Of the claimant who withdraws it.
    party: str | None = None

    @property
    def corrects(self) -> bool:
        return self.mttr_minutes is not None or self.severity is not None

    @property
    def status(self) -> DisputeStatus:
        if self.withdrawn:
            return DisputeStatus.WITHDRAWN
        return DisputeStatus.RESOLVED if self.upheld else DisputeStatus.REJECTED


def is_same_decision(record: DisputeRecord, decision: DisputeDecision) -> bool:
    """Return whether a decision asked for is the one on record: the same answer of the same person."""
    asked = (decision.status, decision.request.actor, decision.note)
    corrected = (decision.mttr_minutes, decision.severity)
    return (asked, corrected) == (
        (record.status, record.decided_by, record.resolution_note),
        (record.decided_mttr_minutes, record.decided_severity),
    )


@dataclass(frozen=True, slots=True)
class Review:
    """A person takes a dispute up to decide it; the time to decide goes on running."""

    dispute_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class ReviewDisputeInput:
    outage_id: str
    review: Review
    at: datetime


@dataclass(frozen=True, slots=True)
class FileDisputeResult:
    dispute_id: str
    decision_deadline: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class FileDisputeInput:
    dispute: Dispute
    revision: int
    decision_window_seconds: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DecideDisputeInput:
    """`decision` is None when the time to decide has run out."""

    outage_id: str
    dispute_id: str
    decision: DisputeDecision | None
    at: datetime


def check_decider(actor: str, makers: Collection[str]) -> None:
    """Refuse whoever has a part in what is to be decided: they filed it, or made the verdict it is about."""
    if {actor, UNVERIFIED + actor} & set(makers):
        raise Forbidden(
            f"{actor} declared or resolved the outage or corrected its severity, or filed the dispute, and "
            "may not decide it; "
            "ask another person"
        )


def check_dispute(dispute: Dispute) -> None:
    if not 1 <= len(dispute.reason.strip()) <= REASON_MAX:
        raise Invalid("reason", f"must be 1 to {REASON_MAX} characters")


def check_withdrawal(record: DisputeRecord, decision: DisputeDecision) -> None:
    """Refuse to withdraw what neither the same person nor anybody of the same party has filed."""
    if not decision.withdrawn or decision.request.actor == record.filed_by:
        return
    of_party = decision.party is not None and decision.party == record.party
    # A party is not believed where the person is not.
    if not of_party or is_unverified(decision.request.actor):
        raise Forbidden(f"dispute {record.id!r} can be withdrawn only by who filed it")


def check_decision(decision: DisputeDecision) -> None:
    if decision.withdrawn and decision.upheld:
        raise Invalid("withdrawn", "a dispute that is withdrawn is not upheld")
    if len(decision.note) > NOTE_MAX:
        raise Invalid("resolution_note", f"must be at most {NOTE_MAX} characters")
    for name in ("mttr_minutes", "severity"):
        if getattr(decision, name) is not None and not decision.upheld:
            raise Invalid(name, "may be corrected only when the dispute is upheld")
