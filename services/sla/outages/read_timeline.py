"""Read the timeline of one outage from the audit trail and the webhook deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from adapters.postgres import audit, deliveries
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.access.scopes import EVERYTHING, Scope
from domain.deliveries import DeliveryRecord
from domain.digests import format_instant


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """A step, or what it begins with; and from when until when (exclusive)."""

    step: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, item: Mapping[str, Any]) -> bool:
        at, step = str(item["at"]), str(item["step"])
        return (
            self.step in (None, step, step.partition(".")[0])
            and (self.since is None or at >= format_instant(self.since))
            and (self.until is None or at < format_instant(self.until))
        )


async def read_timeline(
    database: Database, outage_id: str, scope: Scope, wanted: TimelineFilter = TimelineFilter()
) -> list[dict[str, Any]]:
    """
    Return one item per audit entry and per webhook delivery, in order of time. A party sees no deliveries:
    they are to subscribers of the operator.

    An entry's item carries all that is hashed, and the hash: anyone can compute it again (docs/audit.md).
    """
    async with database.autocommit() as connection:
        await outages.get(connection, outage_id, scope)
        trail = await audit.read_trail(connection, f"outage/{outage_id}")
        delivered = []
        if scope == EVERYTHING:
            delivered = await deliveries.list_by_outage(connection, outage_id)
    items = [_describe_entry(entry) for entry in trail]
    items += [_describe_delivery(delivery) for delivery in delivered]
    return sorted(filter(wanted.matches, items), key=lambda item: str(item["at"]))


def _describe_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    same = ("at", "actor", "correlation_id", "evidence", "subject")
    named = {"step": entry["action"], "entry_id": entry["id"], "leaf_hash": entry["hash"]}
    return {name: entry[name] for name in same} | named


def _describe_delivery(delivery: DeliveryRecord) -> dict[str, Any]:
    at = delivery.delivered_at or delivery.created_at
    return {
        "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "step": f"webhook.{delivery.status}",
        "actor": "engine",
        "correlation_id": delivery.correlation_id,
        "evidence": {
            "delivery_id": delivery.id,
            "event_id": delivery.event_id,
            "event": delivery.type,
            "webhook_id": delivery.webhook_id,
            # Everybody may read this, and the rest of a subscriber's URL may be its key.
            "host": urlsplit(delivery.url).hostname,
            "attempts": delivery.attempts,
            "response_code": delivery.response_code,
        },
        "subject": None,
        "entry_id": None,
        "leaf_hash": None,
    }
