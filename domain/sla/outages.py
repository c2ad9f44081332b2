"""
What an outage is, the states it passes through, and the messages that move it.

    declared -> disputable -> [disputed] -> settling -> closed
           \\-> cancelled
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.digests import INTEGER_MAX, compute_fingerprint
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.verdicts import (
    MTTR_MINUTES_MAX,
    Severity,
    Verdict,
    compute_mttr_minutes,
)

CLOCK_SKEW = timedelta(minutes=5)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_TEXT_MAX = {"site_name": 200, "site_id": 100, "description": 2000, "assigned_to": 200}


class OutageStatus(StrEnum):
    DECLARED = "declared"
    DISPUTABLE = "disputable"
    DISPUTED = "disputed"
    SETTLING = "settling"
    CLOSED = "closed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[OutageStatus, frozenset[OutageStatus]] = {
    # the service is back and the SLA is judged; or it was never an outage
    OutageStatus.DECLARED: frozenset({OutageStatus.DISPUTABLE, OutageStatus.CANCELLED}),
    # somebody objects; or the window passes in silence
    OutageStatus.DISPUTABLE: frozenset({OutageStatus.DISPUTED, OutageStatus.SETTLING}),
    # a decision was given, or the time to give one ran out
    OutageStatus.DISPUTED: frozenset({OutageStatus.SETTLING}),
    # the money has moved
    OutageStatus.SETTLING: frozenset({OutageStatus.CLOSED}),
    OutageStatus.CLOSED: frozenset(),
    OutageStatus.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Location:
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

    def fingerprint(self) -> str:
        """Two declarations with the same fingerprint are one and the same outage."""
        return compute_fingerprint(self)


@dataclass(frozen=True, slots=True)
class Declaration:
    outage: Outage
    request: Request
    policy: str
    agreement: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The service is back: when, or after how many minutes as stated by the caller."""

    request: Request
    resolved_at: datetime | None = None
    mttr_minutes: int | None = None
    root_cause: str | None = None
    resolution_notes: str | None = None

    def get_notes(self) -> dict[str, str]:
        """Return what the resolver said about the cause and the repair."""
        said = {"root_cause": self.root_cause, "resolution_notes": self.resolution_notes}
        return {name: text for name, text in said.items() if text is not None}

    def get_times(self, outage: "Outage") -> tuple[datetime, int]:
        """Return the instant of repair and the MTTR that will be judged; a stated MTTR wins."""
        if self.mttr_minutes is None:
            assert self.resolved_at is not None, "checked by check_resolution"
            return self.resolved_at, compute_mttr_minutes(outage.detected_at, self.resolved_at)
        if self.resolved_at is not None:
            return self.resolved_at, self.mttr_minutes
        try:
            return outage.detected_at + timedelta(minutes=self.mttr_minutes), self.mttr_minutes
        except OverflowError:
            raise Invalid("mttr_minutes", "would end after the year 9999") from None


# What may still be corrected: everything but the identity until the outage is resolved,
# only the story afterwards, because the verdict rests on the rest.
AMENDABLE_WHILE_DECLARED = frozenset(
    {"site_name", "site_id", "severity", "description", "affected_services"}
    | {"affected_subscribers", "assigned_to", "location", "root_cause", "resolution_notes"}
)
AMENDABLE_ALWAYS = frozenset({"description", "assigned_to", "root_cause", "resolution_notes"})


@dataclass(frozen=True, slots=True)
class Amendment:
    """A correction: `changes` maps field names to new JSON values."""

    request: Request
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cancellation:
    request: Request
    reason: str


@dataclass(frozen=True, slots=True)
class RecordOutageResult:
    """The outage is safely in the journal and bound to a policy version."""

    created: bool
    fingerprint: str
    correlation_id: str
    policy: str
    policy_version: int
    dispute_window_seconds: int
    decision_window_seconds: int
    deliveries: list[str]


@dataclass(frozen=True, slots=True)
class JudgeOutageResult:
    """A verdict on record; `revision` counts from 1 and grows when a dispute changes it."""

    outage_id: str
    revision: int
    verdict: Verdict
    resolved_at: datetime
    dispute_deadline: datetime
    deliveries: list[str]
    # The SLA contract must confirm the verdict before it is paid.
    attest: bool = False


@dataclass(frozen=True, slots=True)
class CloseOutageResult:
    outage_id: str
    deliveries: list[str]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    what: str


# What each step is told: the message, and the workflow's clock, so that a step run twice
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


def check_outage(outage: Outage, now: datetime) -> None:
    """Refuse a declaration that cannot be true; name the field."""
    if not _ID.fullmatch(outage.id):
        raise Invalid(
            "id", "must be 1 to 64 letters, digits or . _ : - and start with a letter or digit"
        )
    if not outage.site_name.strip():
        raise Invalid("site_name", "must not be empty")
    for name, limit in _TEXT_MAX.items():
        text = getattr(outage, name)
        if text is not None and len(text) > limit:
            raise Invalid(name, f"must be at most {limit} characters, not {len(text)}")
        if text is not None and "\x00" in text:
            raise Invalid(name, "must not contain a null byte")
    if len(outage.affected_services) > 100 or any(len(s) > 200 for s in outage.affected_services):
        raise Invalid("affected_services", "must be at most 100 names of at most 200 characters")
    if (
        outage.affected_subscribers is not None
        and not 0 <= outage.affected_subscribers <= INTEGER_MAX
    ):
        raise Invalid("affected_subscribers", f"must be 0 to {INTEGER_MAX}")
    check_instant("detected_at", outage.detected_at, now)


def check_instant(name: str, instant: datetime, now: datetime) -> None:
    """Refuse a naive instant, and one further in the future than clocks disagree."""
    if instant.tzinfo is None:
        raise Invalid(name, "must carry a time zone, for example 2026-01-31T12:00:00Z")
    if instant > now + CLOCK_SKEW:
        raise Invalid(name, f"is in the future: {instant.isoformat()}")


def check_resolution(outage: Outage, resolution: Resolution, now: datetime) -> None:
    """Refuse an impossible end; name the field."""
    stated, resolved_at = resolution.mttr_minutes, resolution.resolved_at
    if stated is None and resolved_at is None:
        raise Invalid("resolved_at", "is required unless mttr_minutes is stated")
    if stated is not None and not 0 <= stated <= MTTR_MINUTES_MAX:
        raise Invalid("mttr_minutes", f"must be 0 to {MTTR_MINUTES_MAX}, not {stated}")
    if resolved_at is not None:
        check_instant("resolved_at", resolved_at, now)
        if resolved_at <= outage.detected_at:
            raise Invalid(
                "resolved_at",
                f"must be after detected_at ({outage.detected_at.isoformat()}), "
                f"not {resolved_at.isoformat()}",
            )
    resolution.get_times(outage)


def apply_amendment(outage: Outage, changes: dict[str, Any]) -> Outage:
    """Return the outage with a correction applied; fields an outage does not have are left out."""
    known = {name: value for name, value in changes.items() if name in Outage.__slots__}
    if "severity" in known:
        known["severity"] = Severity(known["severity"])
    if known.get("location") is not None:
        known["location"] = Location(**known["location"])
    return replace(outage, **known)


def check_amendment(outage: Outage, changes: dict[str, Any], now: datetime) -> None:
    """Hold a corrected outage to the rules of a declared one."""
    check_outage(apply_amendment(outage, changes), now)
