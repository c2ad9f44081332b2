"""Change a subscription's address, events or whether it is active."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import deliveries, events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request

# How many deliveries that wait are started at once; the others look for themselves within the hour.
STARTED_MAX = 500
_CLEARED = {"disabled_at": None, "disabled_reason": None, "failures": 0, "failing_since": None}


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """`changes` are of `url`, `events` and `active`; what is not named stays."""

    webhook_id: str
    changes: Mapping[str, Any]
    request: Request
    at: datetime


async def change_webhook(database: Database, command: ChangeWebhook) -> list[str]:
    """Return the oldest deliveries that waited for a receiver which is active from now on."""
    webhook_id, changes, request = command.webhook_id, dict(command.changes), command.request
    async with database.transaction() as connection:
        activates = changes.get("active") is True
        cleared = _CLEARED if activates else {}
        await webhooks.update_subscription(connection, webhook_id, changes | cleared)
        subject, key = f"webhook/{webhook_id}", format_instant(command.at)
        await events.publish(
            connection,
            make_audit_entry(subject, "webhook.changed", request, command.at, changes, key),
        )
        if not activates:
            return []
        return await deliveries.list_waiting(connection, webhook_id, STARTED_MAX)
