"""PagerDuty's webhooks, version 3: one event about one incident."""

from collections.abc import Mapping
from typing import Any

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

REOPENS = "incident.reopened"
BEGINS = frozenset({"incident.triggered", REOPENS})
ENDS = frozenset({"incident.resolved"})


def read_pagerduty(content: Mapping[str, Any]) -> AlertMessage:
    """
    Return what an event says. It begins when the incident was made, ends when it was resolved, and goes on
    after that when it was reopened, and only then. Other events of an incident, and those of anything else,
    say nothing about being down. Raises Invalid.
    """
    event = require_object(content, "event")
    kind = require_word(event, "event_type", "event.event_type")
    if kind not in BEGINS | ENDS:
        return AlertMessage([])
    incident = require_object(event, "data")
    fingerprint = require_key(incident, "id", "event.data.id")
    starts_at = parse_rfc3339(incident.get("created_at"))
    said_at = parse_rfc3339(event.get("occurred_at"))
    ends_at = said_at if kind in ENDS else None
    problem = None
    if starts_at is None:
        problem = "event.data.created_at is no instant"
    elif kind in ENDS and ends_at is None:
        problem = "event.occurred_at is no instant"
    title = clean_text(incident.get("title") or incident.get("summary"), SUMMARY_MAX)
    labels = _read_labels(incident)
    signal = AlertSignal(
        fingerprint,
        kind in BEGINS,
        starts_at,
        ends_at,
        labels,
        title,
        problem,
        said_at=said_at,
        can_reopen=kind == REOPENS,
    )
    return AlertMessage([signal])


def _read_labels(incident: Mapping[str, Any]) -> dict[str, str]:
    service, priority = incident.get("service"), incident.get("priority")
    found = {
        "urgency": incident.get("urgency"),
        "service": service.get("summary") if isinstance(service, dict) else None,
        "service_id": service.get("id") if isinstance(service, dict) else None,
        "priority": priority.get("summary") if isinstance(priority, dict) else None,
    }
    return {name: clean_text(value) for name, value in found.items() if value}
