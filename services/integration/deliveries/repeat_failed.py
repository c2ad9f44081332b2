"""Have everything delivered again that a receiver failed to take since an instant."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RepeatFailed:
    """`since` is the instant at which the events happened."""

    webhook_id: str
    since: datetime
    request: Request
    at: datetime


async def repeat_failed(database: Database, command: RepeatFailed) -> int:
    """
    Make them due, and return how many there are; whoever dispatches finds them.
    Raises Conflict when the subscription is not active.
    """
    webhook_id, since = command.webhook_id, command.since
    async with database.transaction() as connection:
        if not (await webhooks.get(connection, webhook_id)).active:
            raise Conflict(f"webhook {webhook_id!r} is not active: activate it first")
        reopened = await due_deliveries.reopen_failed(connection, webhook_id, since)
        payload = {"since": format_instant(since), "deliveries": reopened}
        await events.publish(
            connection,
            make_audit_entry(
                f"webhook/{webhook_id}",
                "webhook.redelivered",
                command.request,
                command.at,
                payload,
                *(command.request.correlation_id, format_instant(command.at)),
            ),
        )
    return reopened
