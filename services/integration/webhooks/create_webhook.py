"""Subscribe a receiver to events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.events import EventType
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    webhook_id: str
    url: str
    events: Sequence[EventType]
    secret: str = field(repr=False)
    request: Request
    at: datetime


async def create_webhook(database: Database, command: CreateWebhook) -> None:
    webhook_id, request = command.webhook_id, command.request
    wanted = [str(name) for name in command.events]
    async with database.transaction() as connection:
        await webhooks.subscribe(connection, webhook_id, command.url, wanted, command.secret)
        payload = {"url": command.url, "events": wanted}
        subject, key = f"webhook/{webhook_id}", format_instant(command.at)
        await events.publish(
            connection,
            make_audit_entry(subject, "webhook.created", request, command.at, payload, key),
        )
