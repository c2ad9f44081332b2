"""
Outages: their content, their states, and the messages that change them.

    declared -> disputable -> [disputed] -> settling -> closed
     |  \\-> cancelled  |           |           |
     \\<---- reopened --/           \\-> voided <-/
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.digests import compute_fingerprint
from domain.requests import Request
from domain.sla.agreements.parts import OutagePart
from domain.sla.attestations import AttestationRecord
from domain.sla.verdicts import (
    Severity,
    Verdict,
    compute_mttr_minutes,
)


class OutageStatus(StrEnum):
    DECLARED = "declared"
    DISPUTABLE = "disputable"
    DISPUTED = "disputed"
    SETTLING = "settling"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    VOIDED = "voided"


TRANSITIONS: Mapping[OutageStatus, frozenset[OutageStatus]] = {
    # the service is back and the SLA is judged; or it was never an outage
    OutageStatus.DECLARED: frozenset({OutageStatus.DISPUTABLE, OutageStatus.CANCELLED}),
    # somebody objects; or the dispute window ends without an objection; or the service was not back; or
    # what is owed is wrong, and a person voids it
    OutageStatus.DISPUTABLE: frozenset(
        {
            OutageStatus.DISPUTED,
            OutageStatus.SETTLING,
            OutageStatus.DECLARED,
            OutageStatus.VOIDED,
        }
    ),
    # a decision was given, or the time to give one ran out; or voided
    OutageStatus.DISPUTED: frozenset({OutageStatus.SETTLING, OutageStatus.VOIDED}),
    # the money has moved; or it never will, for nothing was signed and the debt is voided
    OutageStatus.SETTLING: frozenset({OutageStatus.CLOSED, OutageStatus.VOIDED}),
    OutageStatus.CLOSED: frozenset(),
    OutageStatus.CANCELLED: frozenset(),
    OutageStatus.VOIDED: frozenset(),
}

FINAL = frozenset(status for status, nexts in TRANSITIONS.items() if not nexts)


@dataclass(frozen=True, slots=True)
class Location:
    """Degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Outage:
    """What the caller declares: the content of an outage, without anything the engine adds."""

    id: str
    site_name: str
    severity: Severity
    detected_at: datetime
    description: str = ""
    site_id: str | None = None
    affected_services: list[str] = field(default_factory=list)
    affected_subscribers: int | None = None
    assigned_to: str | None = None
    location: Location | None = None
    policy: str | None = None
    # One that it names; and the party that it concerns, whose agreements it is narrowed to.
    agreement: str | None = None
    customer: str | None = None

    def fingerprint(self) -> str:
        """Return the digest of the declaration; the same one declared again is the same outage."""
        return compute_fingerprint(self)


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    An outage as it was declared, by whom, and what it is judged and paid by. The fingerprint, hashed when it is made, travels with it.
    """

    outage: Outage
    request: Request
    policy: str
    agreement: str
    fingerprint: str = ""
    recorded: "RecordOutageResult | None" = None  # just now, by who starts its workflow

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", self.outage.fingerprint())


@dataclass(frozen=True, slots=True)
class RecordedOutage:
    """An outage as it stands, with the newest revision of its verdict and the attestation of that."""

    outage: Outage
    status: OutageStatus
    version: int
    declared_at: datetime
    resolved_at: datetime | None
    dispute_deadline: datetime | None
    closed_at: datetime | None
    root_cause: str | None
    resolution_notes: str | None
    policy: str
    policy_version: int
    correlation_id: str
    agreement: str
    agreement_version: int
    # The outage that this is a part of; and the parts that this has, if they were read.
    part_of: str | None
    judged: tuple[int, Verdict] | None
    attestation: AttestationRecord | None
    parts: list[str] | None = None
    # Imported with its verdict; see domain/sla/bulk/settled_outages.py.
    settled_elsewhere: bool = False


def find_changes(recorded: RecordedOutage, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent that differs from what is on record: a form sends all that it shows."""
    notes = {name: getattr(recorded, name) for name in ("root_cause", "resolution_notes")}
    known = asdict(recorded.outage) | notes
    return {name: value for name, value in sent.items() if known[name] != value}


@dataclass(frozen=True, slots=True)
class Resolution:
    """The service is back: when, or after how many minutes as stated by the caller; if it is as last seen."""

    request: Request
    resolved_at: datetime | None = None
    mttr_minutes: int | None = None
    root_cause: str | None = None
    resolution_notes: str | None = None
    expected_version: int | None = None

    def get_notes(self) -> dict[str, str]:
        """Return the cause and the notes that the resolver gave."""
        said = {"root_cause": self.root_cause, "resolution_notes": self.resolution_notes}
        return {name: text for name, text in said.items() if text is not None}

    def measure(self, outage: "Outage", at: datetime) -> int:
        """Return the minutes from the detection to the repair as it was measured, or to when it was asked."""
        return max(0, compute_mttr_minutes(outage.detected_at, self.resolved_at or at))

    def get_times(self, outage: "Outage") -> tuple[datetime, int]:
        """Return the instant of repair and the MTTR that will be judged; a stated MTTR wins."""
        if self.mttr_minutes is None:
            assert self.resolved_at is not None, "checked by check_resolution"
            return self.resolved_at, compute_mttr_minutes(outage.detected_at, self.resolved_at)
        if self.resolved_at is not None:
            return self.resolved_at, self.mttr_minutes
        return outage.detected_at + timedelta(minutes=self.mttr_minutes), self.mttr_minutes


# What may still be corrected: everything but the identity until the outage is resolved,
# afterwards only what does not bear on the verdict.
AMENDABLE_WHILE_DECLARED = frozenset(
    {"site_name", "site_id", "severity", "description", "affected_services"}
    | {"affected_subscribers", "assigned_to", "location", "root_cause", "resolution_notes"}
)
AMENDABLE_ALWAYS = frozenset({"description", "assigned_to", "root_cause", "resolution_notes"})


@dataclass(frozen=True, slots=True)
class Amendment:
    """A correction: `changes` maps field names to new JSON values; `expected_version` is the one last seen."""

    request: Request
    changes: dict[str, Any]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Cancellation:
    request: Request
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ReopenRequest:
    """The service was not back after all: the verdict is taken back, and the outage goes on."""

    request: Request
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class VoidRequest:
    """What the outage owes is wrong: nothing is to be paid for it, and it ends."""

    request: Request
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RecordOutageResult:
    """The outage is on record and bound to a policy version."""

    created: bool
    fingerprint: str
    correlation_id: str
    policy: str
    policy_version: int
    dispute_window_seconds: int
    decision_window_seconds: int
    parts: list[OutagePart] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CloseOutageResult:
    """`version` is that of the outage on record, as in every result of a change."""

    outage_id: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    what: str


# The input of each activity: the message, and the time of the workflow, so that an activity run twice
# writes the same instant twice.
@dataclass(frozen=True, slots=True)
class RecordOutageInput:
    declaration: Declaration
    at: datetime


@dataclass(frozen=True, slots=True)
class JudgeOutageInput:
    outage_id: str
    resolution: Resolution
    dispute_window_seconds: int
    at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class AmendOutageInput:
    outage_id: str
    amendment: Amendment
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelOutageInput:
    outage_id: str
    cancellation: Cancellation
    at: datetime


@dataclass(frozen=True, slots=True)
class ReopenOutageInput:
    outage_id: str
    asked: ReopenRequest
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class VoidDebtInput:
    outage_id: str
    asked: VoidRequest
    at: datetime


def apply_amendment(outage: Outage, changes: dict[str, Any]) -> Outage:
    """Return the outage with a correction applied; fields an outage does not have are left out."""
    known = {name: value for name, value in changes.items() if name in Outage.__slots__}
    if "severity" in known:
        known["severity"] = Severity(known["severity"])
    if known.get("location") is not None:
        known["location"] = Location(**known["location"])
    return replace(outage, **known)
