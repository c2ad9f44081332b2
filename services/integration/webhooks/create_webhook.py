"""Subscribe a receiver to events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.access import webhook_secrets
from adapters.postgres.database import Database
from domain.access.webhook_secrets import SigningSecret
from domain.audit import make_audit_entry
from domain.events import EventType
from domain.requests import Request
from domain.webhooks import get_host


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    webhook_id: str
    url: str
    events: Sequence[EventType]
    secret: SigningSecret
    request: Request
    at: datetime


async def create_webhook(database: Database, command: CreateWebhook) -> None:
    webhook_id, request = command.webhook_id, command.request
    wanted = [str(name) for name in command.events]
    async with database.transaction() as connection:
        await webhooks.subscribe(connection, webhook_id, command.url, wanted)
        await webhook_secrets.add(connection, webhook_id, command.secret, command.at)
        # Auditors may not list webhooks: the rest of a URL is a secret.
        host, scheme = get_host(command.url), command.secret.scheme
        payload = {"host": host, "events": wanted, "scheme": scheme}
        subject = f"webhook/{webhook_id}"
        await events.publish(
            connection,
            make_audit_entry(subject, "webhook.created", request, command.at, payload),
        )
