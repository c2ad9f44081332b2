"""Alerts as Alertmanager sends them, and sources that they come from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.sla.intake.sources import LabelRule, Source, SourceKind, SourceMapping

ZERO_TIME = "0001-01-01T00:00:00Z"
GROUP = '{}:{alertname="Down"}'
MAPPING = SourceMapping(
    site=LabelRule("site"),
    service=LabelRule("service"),
    severity=LabelRule("severity", {"page": "critical", "ticket": "low"}, "medium"),
)
MAPPING_BODY: dict[str, Any] = {
    "site": {"label": "site"},
    "service": {"label": "service"},
    "severity": {"label": "severity", "values": {"page": "critical"}, "default": "medium"},
}


def make_source(**changes: Any) -> Source:
    known: dict[str, Any] = {
        "name": "prometheus",
        "kind": SourceKind.ALERTMANAGER,
        "time_zone": "UTC",
        "mapping": MAPPING,
        "repeat_interval": timedelta(hours=4),
        "heartbeat": None,
        "created_by": "rita",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Source(**known | changes)


def format_go_time(instant: datetime) -> str:
    """Return an instant with nine decimals, as Go writes it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def make_alert(
    name: str, start: datetime, end: datetime | None = None, **labels: str
) -> dict[str, Any]:
    """Return an alert that fires since an instant; or that was resolved, with an end."""
    return {
        "status": "firing" if end is None else "resolved",
        "labels": {"alertname": "Down", "site": name, "severity": "page"} | labels,
        "annotations": {"summary": f"{name} is down"},
        "startsAt": format_go_time(start),
        "endsAt": ZERO_TIME if end is None else format_go_time(end),
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{name:0>16}"[-16:],
    }


def make_alert_message(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    resolved = all(alert["status"] == "resolved" for alert in alerts)
    return {
        "receiver": "apexchainx",
        "status": "resolved" if resolved else "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "version": "4",
        "groupKey": GROUP,
        "truncatedAlerts": 0,
    } | changes
