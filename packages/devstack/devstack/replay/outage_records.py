"""
Outages as operators recorded them, read from a file and held to the engine's own rules.

An impossible one is refused here, before anything is declared: an outage without a possible end
would stay open for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from domain.errors import Conflict, Invalid
from domain.errors import Refused as RefusedByRule
from domain.requests import Request
from domain.sla.outage_rules import check_outage, check_resolution
from domain.sla.outages import Outage, Resolution
from domain.sla.verdicts import Severity

SITE_NAME_MAX = 200
LISTS = ("outages", "records")
# What a field of the engine is called in a record.
FIELDS = {
    "site_name": "site",
    "detected_at": "started_at",
    "description": "title",
    "site_id": "source",
    "affected_services": "services",
}
NOBODY = Request("replay", "replay")


class Unreadable(Exception):
    """Says in one sentence what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class OutageRecord:
    """An outage that began and ended."""

    outage: Outage
    resolved_at: datetime

    def declaration(self) -> dict[str, Any]:
        """What the API is sent to declare it."""
        outage = self.outage
        body = {
            "id": outage.id,
            "site_name": outage.site_name,
            "site_id": outage.site_id,
            "severity": outage.severity,
            "detected_at": outage.detected_at,
            "description": outage.description,
            "affected_services": outage.affected_services,
        }
        return body | ({"policy": outage.policy} if outage.policy else {})


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that is not played, and why."""

    id: str
    reason: str


def read(path: Path) -> list[Any]:
    """Accept a list, or an object that holds one as `outages` or as `records`."""
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as failure:
        raise Unreadable(f"{path} cannot be read: {failure.strerror}") from None
    except orjson.JSONDecodeError as failure:
        raise Unreadable(f"{path} is not JSON: {failure}") from None
    if isinstance(content, dict):
        content = next((content[name] for name in LISTS if name in content), None)
    if not isinstance(content, list):
        raise Unreadable(f"{path} holds no outages: it must be a list, or have one as `outages`")
    return content


def sift(
    records: Iterable[Any], policy: str | None, now: datetime
) -> tuple[dict[str, OutageRecord], list[RejectedRecord]]:
    """Tell the possible from the impossible; a record that is there twice counts once."""
    possible: dict[str, OutageRecord] = {}
    refused: list[RejectedRecord] = []
    for position, record in enumerate(records, 1):
        try:
            recorded = _recorded(record, policy, now)
            known = possible.setdefault(recorded.outage.id, recorded)
            if known != recorded:
                raise Conflict(f"outage {known.outage.id!r} is there before with other content")
        except RefusedByRule as error:
            name = record.get("id") if isinstance(record, dict) else None
            refused.append(RejectedRecord(str(name or f"record {position}"), str(error)))
    return possible, refused


def _recorded(record: Any, policy: str | None, now: datetime) -> OutageRecord:
    if not isinstance(record, dict):
        raise Invalid("record", "must be an object")
    try:
        return _check_rules(record, policy, now)
    except Invalid as error:
        field = FIELDS.get(error.field, error.field)
        raise Invalid(field, error.rule.replace("detected_at", "started_at")) from None


def _check_rules(record: dict[str, Any], policy: str | None, now: datetime) -> OutageRecord:
    outage = Outage(
        id=_text(record, "id"),
        site_name=_site_name(record),
        severity=_severity(record),
        detected_at=_instant(record, "started_at"),
        description=_text(record, "title", ""),
        site_id=_text(record, "source", "") or None,
        affected_services=_services(record),
        policy=policy,
    )
    check_outage(outage, now)
    resolved_at = _instant(record, "resolved_at")
    check_resolution(outage, Resolution(NOBODY, resolved_at), now)
    return OutageRecord(outage, resolved_at)


def _text(record: dict[str, Any], name: str, default: str | None = None) -> str:
    value = record.get(name)
    if value is None:
        value = default
    if value is None:
        raise Invalid(name, "is missing")
    if not isinstance(value, str):
        raise Invalid(name, "must be text")
    return value


def _site_name(record: dict[str, Any]) -> str:
    parts = (_text(record, "provider", ""), _text(record, "site", ""))
    if not any(part.strip() for part in parts):
        raise Invalid("site", "is missing: give the record a site, or a provider")
    return ": ".join(part for part in parts if part)[:SITE_NAME_MAX]


def _severity(record: dict[str, Any]) -> Severity:
    try:
        return Severity(_text(record, "severity"))
    except ValueError:
        raise Invalid("severity", f"must be one of {', '.join(Severity)}") from None


def _instant(record: dict[str, Any], name: str) -> datetime:
    text = _text(record, name)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(name, f"{text!r} is not an instant") from None
    # A naive one is left as it is, for the engine's rule to refuse.
    return instant.astimezone(UTC) if instant.tzinfo else instant


def _services(record: dict[str, Any]) -> list[str]:
    services = record.get("services") or []
    if not isinstance(services, list) or not all(isinstance(name, str) for name in services):
        raise Invalid("services", "must be a list of names")
    return services
