"""Send one receiver an event that says nothing, so that its owner can try it."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import deliveries, events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.events import EventType, make_event
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class SendTestEvent:
    webhook_id: str
    request: Request
    at: datetime


async def send_test_event(database: Database, command: SendTestEvent) -> str:
    """Return the id of the delivery. Raises NotFound, and Conflict when the subscription is not active."""
    webhook_id, request, at = command.webhook_id, command.request, command.at
    payload, when = {"webhook_id": webhook_id}, format_instant(at)
    key = (webhook_id, request.correlation_id, when)
    tried = make_event(EventType.WEBHOOK_TEST, None, at, payload, *key)
    async with database.transaction() as connection:
        if not (await webhooks.get(connection, webhook_id)).active:
            raise Conflict(f"webhook {webhook_id!r} is not active: activate it first")
        entry = make_audit_entry(
            f"webhook/{webhook_id}", "webhook.tested", request, at, payload, *key
        )
        await events.publish(connection, entry, tried)
        return await deliveries.add(connection, tried.id, webhook_id)
