"""
What is refused of an outage, its repair, its corrections and its cancellation; each refusal names the field,
or says how the outage stands.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.digests import INTEGER_MAX
from domain.errors import Conflict, Invalid, PreconditionFailed
from domain.sla.disputes import DisputeDecision, check_decision
from domain.sla.outages import (
    AMENDABLE_ALWAYS,
    AMENDABLE_WHILE_DECLARED,
    Cancellation,
    Outage,
    OutageStatus,
    ReopenRequest,
    Resolution,
    VoidRequest,
    apply_amendment,
)
from domain.sla.verdicts import compute_mttr_minutes

# How far two clocks may differ. It also covers minutes that were rounded up.
CLOCK_SKEW = timedelta(minutes=1)
# Nothing older is declared: such an instant is a default, the zero time of Go for one, and no measurement.
AGE_MAX = timedelta(days=3653)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AGE_MINUTES_MAX = AGE_MAX // timedelta(minutes=1)
# Stated minutes may differ by so many from those between two instants: one is rounded, or both are.
ROUNDING_MINUTES = 1
# What the fields of an outage can hold; the bodies of requests are held to the same limits.
ID_MAX, SITE_NAME_MAX, SITE_ID_MAX, ASSIGNED_TO_MAX, POLICY_NAME_MAX = 64, 200, 100, 200, 100
PROSE_MAX, CANCEL_REASON_MAX = 2000, 300
AGREEMENT_NAME_MAX = 100
SERVICES_MAX, SERVICE_NAME_MAX = 100, 200
LATITUDE_MAX, LONGITUDE_MAX = 90, 180
# From the verdict until the payment; whether something is signed is asked of the payment itself.
VOIDABLE = frozenset({OutageStatus.DISPUTABLE, OutageStatus.DISPUTED, OutageStatus.SETTLING})
# What follows /outages/ in the paths of the API, where an outage of that name could not be shown.
PATH_WORDS = frozenset({"bulk", "export", "violations"})
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{ID_MAX - 1}}}", re.ASCII)
_TEXT_MAX = {
    "site_name": SITE_NAME_MAX,
    "site_id": SITE_ID_MAX,
    "description": PROSE_MAX,
    "assigned_to": ASSIGNED_TO_MAX,
    "policy": POLICY_NAME_MAX,
    "agreement": AGREEMENT_NAME_MAX,
    "customer": ID_MAX,
    "root_cause": PROSE_MAX,
    "resolution_notes": PROSE_MAX,
}
# Nothing is owed for a verdict on one of these: it was taken back.
TAKEN_BACK = frozenset({OutageStatus.DECLARED, OutageStatus.CANCELLED, OutageStatus.VOIDED})


def check_outage(outage: Outage, now: datetime) -> None:
    """Refuse a declaration that cannot be true; name the field."""
    _check_content(outage)
    check_instant("detected_at", outage.detected_at, now)


def _check_content(outage: Outage) -> None:
    check_id(outage.id)
    check_site_name(outage.site_name)
    _check_texts({name: getattr(outage, name, None) for name in _TEXT_MAX})
    check_services(outage.affected_services)
    subscribers, place = outage.affected_subscribers, outage.location
    if subscribers is not None and not 0 <= subscribers <= INTEGER_MAX:
        raise Invalid("affected_subscribers", f"must be 0 to {INTEGER_MAX}")
    if place is not None and not abs(place.latitude) <= LATITUDE_MAX:
        raise Invalid("location.latitude", f"must be -{LATITUDE_MAX} to {LATITUDE_MAX}")
    if place is not None and not abs(place.longitude) <= LONGITUDE_MAX:
        raise Invalid("location.longitude", f"must be -{LONGITUDE_MAX} to {LONGITUDE_MAX}")


def check_id(id_: str) -> None:
    if not _ID.fullmatch(id_):
        raise Invalid(
            "id",
            f"must be 1 to {ID_MAX} letters, digits or . _ : - and start with a letter or digit",
        )
    if id_ in PATH_WORDS:
        raise Invalid("id", f"{id_!r} is a path of its own beside those of outages: use another id")


def check_site_name(site_name: str) -> None:
    if not site_name.strip():
        raise Invalid("site_name", "must not be empty")


def check_services(names: Sequence[str]) -> None:
    if len(names) > SERVICES_MAX or any(len(name) > SERVICE_NAME_MAX for name in names):
        raise Invalid(
            "affected_services",
            f"must be at most {SERVICES_MAX} names of at most {SERVICE_NAME_MAX} characters",
        )


def check_cancellation(cancellation: Cancellation | ReopenRequest | VoidRequest) -> None:
    """Hold the reason of whatever takes something back to its length."""
    if not 1 <= len(cancellation.reason.strip()) <= CANCEL_REASON_MAX:
        raise Invalid("reason", f"must be 1 to {CANCEL_REASON_MAX} characters")


def _check_texts(texts: Mapping[str, str | None]) -> None:
    for name, text in texts.items():
        if text is not None and len(text) > _TEXT_MAX[name]:
            raise Invalid(name, f"must be at most {_TEXT_MAX[name]} characters, not {len(text)}")
        if text is not None and "\x00" in text:
            raise Invalid(name, "must not contain a null byte")


def check_instant(name: str, instant: datetime, now: datetime) -> None:
    """Refuse what no clock has shown: a naive instant, one to come, and one of another age."""
    if instant.tzinfo is None:
        raise Invalid(name, "must carry a time zone, for example 2026-01-31T12:00:00Z")
    if instant > now + CLOCK_SKEW:
        raise Invalid(name, f"is in the future: {instant.isoformat()}; correct it, or your clock")
    if instant < max(EARLIEST, now - AGE_MAX):
        raise Invalid(
            name,
            f"is more than {AGE_MAX.days} days ago or before {EARLIEST.year}: {instant.isoformat()}; "
            "send the measured instant, not a default",
        )


def check_minutes(minutes: float, name: str = "mttr_minutes") -> None:
    """Refuse minutes to repair that no outage can have taken."""
    if not 0 <= minutes <= AGE_MINUTES_MAX:
        raise Invalid(name, f"must be 0 to {AGE_MINUTES_MAX}, not {minutes}")


def check_end(detected_at: datetime, minutes: int, now: datetime) -> None:
    """Refuse minutes to repair that would end later than now."""
    check_minutes(minutes)
    end = detected_at + timedelta(minutes=minutes)
    if end > now + CLOCK_SKEW:
        most = max(0, compute_mttr_minutes(detected_at, now))
        raise Invalid(
            "mttr_minutes",
            f"{minutes} minutes after detected_at is {end.isoformat()}, in the future; "
            f"it is {most} minutes at most now",
        )


def check_resolution(outage: Outage, resolution: Resolution, now: datetime) -> None:
    """Refuse an impossible end, and two ends that contradict each other; name the field."""
    stated, resolved_at = resolution.mttr_minutes, resolution.resolved_at
    _check_texts(resolution.get_notes())
    if stated is None and resolved_at is None:
        raise Invalid("resolved_at", "is required unless mttr_minutes is stated")
    if stated is not None:
        check_end(outage.detected_at, stated, now)
    if resolved_at is None:
        return
    check_instant("resolved_at", resolved_at, now)
    if resolved_at <= outage.detected_at:
        raise Invalid(
            "resolved_at",
            f"must be after the outage began, at {outage.detected_at.isoformat()}, "
            f"not {resolved_at.isoformat()}",
        )
    measured = compute_mttr_minutes(outage.detected_at, resolved_at)
    check_minutes(measured, "resolved_at")
    if stated is not None and abs(stated - measured) > ROUNDING_MINUTES:
        raise Invalid(
            "mttr_minutes",
            f"is {stated}, and resolved_at is {measured} minutes after detected_at; "
            "send one of them, or two that agree",
        )


def check_corrected_minutes(outage: Outage, decision: DisputeDecision, now: datetime) -> None:
    """Hold a decision, and the minutes it puts in the place of the judged ones, to the same rules."""
    check_decision(decision)
    if decision.mttr_minutes is not None:
        check_end(outage.detected_at, decision.mttr_minutes, now)


def check_amendment(outage: Outage, changes: dict[str, Any]) -> None:
    """Hold a corrected outage to the rules of a declared one; its times cannot be corrected."""
    _check_texts({name: changes.get(name) for name in ("root_cause", "resolution_notes")})
    _check_content(apply_amendment(outage, changes))


# Whether a command may be carried out as the outage stands; the workflow asks by what it knows, and the
# API by what is on record.


def check_version(outage_id: str, expected: int | None, version: int) -> None:
    """Refuse a change by somebody who last saw another version; `expected` is None for who takes any."""
    if expected not in (None, version):
        raise PreconditionFailed(
            f"outage {outage_id!r} has changed since you read it (version {version} now, {expected} "
            "then): read it again"
        )


def check_resolvable(outage_id: str, status: OutageStatus | None) -> None:
    if status is not OutageStatus.DECLARED:
        raise Conflict(f"outage {outage_id!r} is {status} and cannot be resolved")


def check_cancellable(outage_id: str, status: OutageStatus | None) -> None:
    if status is not OutageStatus.DECLARED:
        raise Conflict(f"outage {outage_id!r} is {status} and cannot be cancelled")


def check_reopenable(
    outage_id: str, status: OutageStatus | None, deadline: datetime | None, now: datetime
) -> None:
    """Refuse to reopen what is not judged, is disputed or paid, or whose dispute window has ended."""
    if status is not OutageStatus.DISPUTABLE:
        raise Conflict(f"outage {outage_id!r} is {status} and cannot be reopened")
    if deadline is not None and now >= deadline:
        raise Conflict(
            f"outage {outage_id!r} cannot be reopened: its dispute window closed at "
            f"{deadline.isoformat()}"
        )


def check_voidable(outage_id: str, status: OutageStatus | None) -> None:
    """Refuse to void what owes nothing yet, or any more."""
    if status not in VOIDABLE:
        raise Conflict(f"outage {outage_id!r} is {status}: there is no debt to void")


def check_settled_here(outage_id: str, *, settled_elsewhere: bool) -> None:
    """Refuse to change what is on record of an outage that was settled elsewhere."""
    if settled_elsewhere:
        raise Conflict(
            f"outage {outage_id!r} was settled elsewhere, and imported as it was: it is neither corrected nor "
            "disputed here"
        )


def check_amendable(
    outage_id: str, status: OutageStatus | None, changes: Mapping[str, Any]
) -> None:
    if status in (OutageStatus.CANCELLED, OutageStatus.VOIDED):
        raise Conflict(f"outage {outage_id!r} is {status}; it can no longer be changed")
    declared = status is OutageStatus.DECLARED
    allowed = AMENDABLE_WHILE_DECLARED if declared else AMENDABLE_ALWAYS
    for field in sorted(set(changes) - allowed):
        raise Conflict(f"{field}: may not be changed while the outage is {status}")


def check_disputable(
    outage_id: str, status: OutageStatus | None, deadline: datetime | None, now: datetime
) -> None:
    """Refuse an objection to a verdict that is not there, is disputed already, or holds."""
    if deadline is None:
        raise Conflict(f"outage {outage_id!r} is not judged yet")
    if status is OutageStatus.DISPUTED:
        raise Conflict(f"outage {outage_id!r} has an open dispute already")
    if status is not OutageStatus.DISPUTABLE or now >= deadline:
        raise Conflict(f"the dispute window closed at {deadline.isoformat()}")
