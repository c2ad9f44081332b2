"""
Alertmanager's webhook, version 4.

The status of each alert counts, never that of the message. An `endsAt` of the year 1 is Go's zero time: not
ended. What is left out says nothing, and a cut message says that more is unknown.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.errors import Invalid
from domain.sla.intake.messages import (
    FINGERPRINT_MAX,
    GROUP_MAX,
    SUMMARY_MAX,
    AlertMessage,
    AlertSignal,
    clean_key,
    clean_labels,
    clean_text,
    parse_rfc3339,
)

VERSION, TRUNCATED_MAX = "4", 2**31 - 1
STATUSES = ("firing", "resolved")
_SUMMARIES = ("summary", "description", "message")


def read_alertmanager(content: Mapping[str, Any]) -> AlertMessage:
    """Return what a message says; keys that are not known are left out. Raises Invalid."""
    if content.get("version") != VERSION:
        raise Invalid(
            "version", f"must be {VERSION!r}: this is the webhook of Alertmanager 0.16 or newer"
        )
    alerts, truncated = content.get("alerts"), content.get("truncatedAlerts", 0)
    if not isinstance(alerts, list) or not all(isinstance(each, dict) for each in alerts):
        raise Invalid("alerts", "must be a list of objects")
    if isinstance(truncated, bool) or not isinstance(truncated, int):
        raise Invalid("truncatedAlerts", "must be a whole number")
    if not 0 <= truncated <= TRUNCATED_MAX:
        raise Invalid("truncatedAlerts", f"must be from 0 to {TRUNCATED_MAX}")
    group = clean_key(content.get("groupKey"), GROUP_MAX) or None
    return AlertMessage([_read_alert(each) for each in alerts], group, truncated)


def _read_alert(alert: Mapping[str, Any]) -> AlertSignal:
    labels, status = clean_labels(alert.get("labels")), alert.get("status")
    starts_at, ends_at = parse_rfc3339(alert.get("startsAt")), parse_rfc3339(alert.get("endsAt"))
    fingerprint, problem = clean_key(alert.get("fingerprint"), FINGERPRINT_MAX), None
    if not fingerprint:
        problem = "the alert has no fingerprint"
    elif status not in STATUSES:
        problem = f"the status of the alert is neither {' nor '.join(STATUSES)}"
    elif starts_at is None:
        problem = "startsAt is no instant"
    elif status == "resolved" and ends_at is None:
        problem = "endsAt is no instant"
    firing = status == "firing"
    return AlertSignal(
        fingerprint,
        firing,
        starts_at,
        None if firing or _is_zero(ends_at) else ends_at,
        labels,
        _summarize(alert, labels),
        problem,
    )


def _is_zero(instant: datetime | None) -> bool:
    """Go's zero time is no instant: it stands for "none"."""
    return instant is not None and instant.year == 1


def _summarize(alert: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    found = alert.get("annotations")
    said = found if isinstance(found, dict) else {}
    chosen = next((said[name] for name in _SUMMARIES if said.get(name)), labels.get("alertname"))
    return clean_text(chosen, SUMMARY_MAX)
