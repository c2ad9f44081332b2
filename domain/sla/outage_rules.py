"""What is refused of an outage, its repair, its corrections and its cancellation; each refusal names the field."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.digests import INTEGER_MAX
from domain.errors import Invalid
from domain.sla.outages import Cancellation, Outage, Resolution, apply_amendment
from domain.sla.verdicts import MTTR_MINUTES_MAX

CLOCK_SKEW = timedelta(minutes=5)
# What the fields of an outage can hold; the bodies of requests are held to the same limits.
ID_MAX, SITE_NAME_MAX, SITE_ID_MAX, ASSIGNED_TO_MAX, POLICY_NAME_MAX = 64, 200, 100, 200, 100
PROSE_MAX, CANCEL_REASON_MAX = 2000, 300
SERVICES_MAX, SERVICE_NAME_MAX = 100, 200
LATITUDE_MAX, LONGITUDE_MAX = 90, 180
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{ID_MAX - 1}}}", re.ASCII)
_TEXT_MAX = {
    "site_name": SITE_NAME_MAX,
    "site_id": SITE_ID_MAX,
    "description": PROSE_MAX,
    "assigned_to": ASSIGNED_TO_MAX,
    "policy": POLICY_NAME_MAX,
    "root_cause": PROSE_MAX,
    "resolution_notes": PROSE_MAX,
}


def check_outage(outage: Outage, now: datetime) -> None:
    """Refuse a declaration that cannot be true; name the field."""
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
    check_instant("detected_at", outage.detected_at, now)


def check_id(id_: str) -> None:
    if not _ID.fullmatch(id_):
        raise Invalid(
            "id",
            f"must be 1 to {ID_MAX} letters, digits or . _ : - and start with a letter or digit",
        )


def check_site_name(site_name: str) -> None:
    if not site_name.strip():
        raise Invalid("site_name", "must not be empty")


def check_services(names: Sequence[str]) -> None:
    if len(names) > SERVICES_MAX or any(len(name) > SERVICE_NAME_MAX for name in names):
        raise Invalid(
            "affected_services",
            f"must be at most {SERVICES_MAX} names of at most {SERVICE_NAME_MAX} characters",
        )


def check_cancellation(cancellation: Cancellation) -> None:
    if not 1 <= len(cancellation.reason) <= CANCEL_REASON_MAX:
        raise Invalid("reason", f"must be 1 to {CANCEL_REASON_MAX} characters")


def _check_texts(texts: Mapping[str, str | None]) -> None:
    for name, text in texts.items():
        if text is not None and len(text) > _TEXT_MAX[name]:
            raise Invalid(name, f"must be at most {_TEXT_MAX[name]} characters, not {len(text)}")
        if text is not None and "\x00" in text:
            raise Invalid(name, "must not contain a null byte")


def check_instant(name: str, instant: datetime, now: datetime) -> None:
    """Refuse a naive instant, and one further in the future than clocks disagree."""
    if instant.tzinfo is None:
        raise Invalid(name, "must carry a time zone, for example 2026-01-31T12:00:00Z")
    if instant > now + CLOCK_SKEW:
        raise Invalid(name, f"is in the future: {instant.isoformat()}")


def check_resolution(outage: Outage, resolution: Resolution, now: datetime) -> None:
    """Refuse an impossible end; name the field."""
    stated, resolved_at = resolution.mttr_minutes, resolution.resolved_at
    _check_texts(resolution.get_notes())
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


def check_amendment(outage: Outage, changes: dict[str, Any], now: datetime) -> None:
    """Hold a corrected outage to the rules of a declared one."""
    _check_texts({name: changes.get(name) for name in ("root_cause", "resolution_notes")})
    check_outage(apply_amendment(outage, changes), now)
