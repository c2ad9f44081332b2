"""What is asked for among generated outages: values met much and seldom, read from the database."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg

_ONE = """
    SELECT id, site_id, site_name, agreement, assigned_to, detected_at, correlation_id FROM outages
    WHERE assigned_to IS NOT NULL ORDER BY detected_at DESC, id DESC OFFSET %s LIMIT 1
"""
_AGREEMENTS = (
    "SELECT agreement FROM outages GROUP BY agreement ORDER BY count(*) {}, agreement LIMIT 1"
)


def read_samples(url: str, webhook_id: str) -> dict[str, list[str]]:
    """Return samples of every parameter, most of an outage in the middle of the list."""
    with psycopg.connect(url) as connection:
        count: Any = connection.execute("SELECT count(*) FROM outages").fetchone()
        row: Any = connection.execute(_ONE, [count[0] // 3]).fetchone()
        often, seldom = (
            str(found[0])
            for order in ("DESC", "ASC")
            for found in connection.execute(_AGREEMENTS.format(order).encode())
        )
        party: Any = connection.execute(
            "SELECT beneficiary_party FROM agreements WHERE name = %s", [often]
        ).fetchone()
    id_, site_id, site_name, _, assigned_to, detected_at, correlation_id = row
    day = detected_at.date()
    return {
        **_FIXED,
        "webhook_id": [webhook_id],
        "outage_id": [id_],
        "part_of": [id_],
        "site": [site_id, site_name],
        "agreement": [often, seldom],
        "assigned_to": [assigned_to],
        "search": ["Fibre cut", site_name, f"ticket {id_[-4:]}", "zq"],
        "date_from": [str(day), str(day + timedelta(days=300))],
        "date_to": [str(day), str(day - timedelta(days=300))],
        "party": [party[0]],
        "subject": [f"outage/{id_}"],
        "correlation_id": [correlation_id],
        "/intake/maintenance-windows after": [detected_at.isoformat()],
        "/intake/maintenance-windows before": [detected_at.isoformat()],
    }


_FIXED: Mapping[str, list[str]] = {
    "severity": ["critical", "medium"],
    "status": ["open", "resolved"],
    "lifecycle": ["closed", "disputed"],
    "type": ["penalty", "reward"],
    "kind": ["provider", "customer"],
    "source": ["monitoring"],
    "owner": ["nobody"],
    "action": ["outage.judged"],
    "actor": ["engine", "team-07"],
    "older_than_seconds": ["60"],
    "in_suspense": ["true"],
    "invariant": ["entries_balance"],
    "overdue": ["true"],
    "unresolved": ["true"],
    "/jobs status": ["done", "failed"],
    "/jobs kind": ["import", "export_outages"],
    "/payments status": ["pending", "confirmed", "failed"],
    "/sla/disputes status": ["open", "rejected"],
    "/intake/episodes status": ["open", "ended"],
    "/intake/messages status": ["taken", "quarantined"],
    "/reconciliation/breaks status": ["open"],
    "/reconciliation/breaks kind": ["duplicate"],
    "/webhooks/{webhook_id}/deliveries status": ["pending", "success", "failed"],
}
