"""End a subscription."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from domain.audit import make_audit_entry
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    webhook_id: str
    request: Request
    at: datetime


async def delete_webhook(database: Database, command: DeleteWebhook) -> None:
    webhook_id, request = command.webhook_id, command.request
    async with database.transaction() as connection:
        await webhooks.unsubscribe(connection, webhook_id)
        await due_deliveries.abandon_due(connection, webhook_id)
        subject = f"webhook/{webhook_id}"
        await events.publish(
            connection, make_audit_entry(subject, "webhook.deleted", request, command.at, {})
        )
