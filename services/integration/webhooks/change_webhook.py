"""Change a subscription's address, events or whether it is active."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request
from domain.webhooks import ENABLED, get_host


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """
    `changes` are of `url`, `events` and `active`; what is not named stays. `recover_since` has everything
    delivered again that was given up of the events since then.
    """

    webhook_id: str
    changes: Mapping[str, Any]
    recover_since: datetime | None
    request: Request
    at: datetime


async def change_webhook(database: Database, command: ChangeWebhook) -> None:
    """Whatever waited for a receiver that is active from now on becomes due."""
    webhook_id, changes, request = command.webhook_id, dict(command.changes), command.request
    async with database.transaction() as connection:
        activates = changes.get("active") is True
        # A person's pause is one: it is not probed.
        paused = {"probe_at": None} if changes.get("active") is False else {}
        cleared = ENABLED if activates else paused
        await webhooks.update_subscription(connection, webhook_id, {**changes, **cleared})
        if activates:
            await due_deliveries.make_due(connection, webhook_id)
        payload = {name: value for name, value in changes.items() if name != "url"}
        if "url" in changes:
            payload["host"] = get_host(changes["url"])
        if (since := command.recover_since) is not None:
            payload["recover_since"] = format_instant(since)
            payload["deliveries"] = await due_deliveries.reopen_failed(
                connection, webhook_id, since
            )
        subject, key = f"webhook/{webhook_id}", format_instant(command.at)
        await events.publish(
            connection,
            make_audit_entry(subject, "webhook.changed", request, command.at, payload, key),
        )
