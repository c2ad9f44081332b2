"""Statuspage's webhooks: an incident of somebody's status page, as it stands now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.errors import Invalid
from domain.sla.intake.messages import (
    SUMMARY_MAX,
    AlertMessage,
    AlertSignal,
    clean_text,
    parse_rfc3339,
    require_key,
    require_object,
    require_word,
)

DOWN = frozenset({"investigating", "identified", "monitoring"})
OVER = frozenset({"resolved", "postmortem"})
# Of a maintenance that was announced, which is no incident.
PLANNED = frozenset({"scheduled", "in_progress", "verifying", "completed"})


def read_statuspage(content: Mapping[str, Any]) -> AlertMessage:
    """
    Return what a notification says. One about a component has no times of an outage, and one about a
    planned maintenance is none: they say nothing. Raises Invalid.
    """
    if "component_update" in content:
        return AlertMessage([])
    incident = require_object(content, "incident")
    status = require_word(incident, "status", "incident.status").lower()
    if status in PLANNED:
        return AlertMessage([])
    if status not in DOWN | OVER:
        raise Invalid("incident.status", f"is {status!r}, which is not known")
    fingerprint = require_key(incident, "id", "incident.id")
    starts_at = parse_rfc3339(incident.get("started_at") or incident.get("created_at"))
    ends_at = parse_rfc3339(incident.get("resolved_at")) if status in OVER else None
    title = clean_text(incident.get("name"), SUMMARY_MAX)
    problem = _find_problem(status, starts_at, ends_at)
    labels = _read_labels(content, incident)
    said_at = parse_rfc3339(incident.get("updated_at"))
    signal = AlertSignal(
        fingerprint, status in DOWN, starts_at, ends_at, labels, title, problem, said_at=said_at
    )
    return AlertMessage([signal])


def _find_problem(status: str, starts_at: datetime | None, ends_at: datetime | None) -> str | None:
    if starts_at is None:
        return "incident.created_at is no instant"
    if status in OVER and ends_at is None:
        return "incident.resolved_at is no instant"
    return None


def _read_labels(content: Mapping[str, Any], incident: Mapping[str, Any]) -> dict[str, str]:
    page, parts = content.get("page"), incident.get("components")
    named = [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []
    found = {
        "impact": incident.get("impact"),
        "page": page.get("id") if isinstance(page, dict) else None,
        "component": named[0].get("name") if named else None,
    }
    return {name: clean_text(value) for name, value in found.items() if value}
