"""End a subscription."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
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
        subject, key = f"webhook/{webhook_id}", format_instant(command.at)
        await events.publish(
            connection, make_audit_entry(subject, "webhook.deleted", request, command.at, {}, key)
        )
