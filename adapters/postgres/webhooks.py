"""Webhook subscriptions and their deliveries in the database."""

from dataclasses import fields
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import deliveries, events, webhook_secrets, webhooks
from domain.deliveries import DeliveryAttempt, DeliveryStatus
from domain.errors import NotFound
from domain.events import EventType
from domain.webhooks import Subscription

# Deliveries that one run of the schedule starts; the next run starts the others.
DISPATCHED_MAX = 500
# Events that are published outside the workflows of outages and payments.
_DISPATCHED_BY_SCHEDULE = (
    *(EventType.BREAK_FOUND, EventType.BREAK_CLOSED, EventType.CIRCUIT_BREAKER_OPENED),
    *(EventType.INVARIANT_VIOLATED, EventType.OBLIGATION_OVERDUE),
    EventType.WEBHOOK_DISABLED,
)


async def subscribe(
    connection: AsyncConnection, webhook_id: str, url: str, wanted: list[str]
) -> None:
    await connection.execute(insert(webhooks).values(id=webhook_id, url=url, events=wanted))


async def list_subscriptions(connection: AsyncConnection) -> list[Subscription]:
    rows = await connection.execute(
        select(*(webhooks.c[each.name] for each in fields(Subscription)))
        .where(webhooks.c.deleted_at.is_(None))
        .order_by(webhooks.c.created_at, webhooks.c.id)
    )
    return [Subscription(*row) for row in rows]


async def get(connection: AsyncConnection, webhook_id: str) -> Subscription:
    """Return a subscription. Raises NotFound."""
    found = [each for each in await list_subscriptions(connection) if each.id == webhook_id]
    if not found:
        raise NotFound(f"webhook {webhook_id!r} does not exist")
    return found[0]


async def require(connection: AsyncConnection, webhook_id: str) -> None:
    """Raise NotFound for a webhook that does not exist, or was deleted."""
    found = await connection.scalar(
        select(webhooks.c.id).where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
    )
    if found is None:
        raise NotFound(f"webhook {webhook_id!r} does not exist")


async def update_subscription(
    connection: AsyncConnection, webhook_id: str, changes: dict[str, Any]
) -> None:
    result = await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
        .values(**changes)
    )
    if result.rowcount == 0:
        raise NotFound(f"webhook {webhook_id!r} does not exist")


async def count_attempt(
    connection: AsyncConnection, webhook_id: str, attempt: DeliveryAttempt
) -> Subscription:
    """Count an attempt for or against its receiver, whose row is locked from here on; return how it stands."""
    failed: dict[str, Any] = {
        "failures": webhooks.c.failures + 1,
        "failing_since": func.coalesce(webhooks.c.failing_since, attempt.at),
    }
    succeeded = {"failures": 0, "failing_since": None}
    changed = await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id)
        .values(succeeded if attempt.delivered else failed)
        .returning(*(webhooks.c[each.name] for each in fields(Subscription)))
    )
    return Subscription(*changed.one())


async def unsubscribe(connection: AsyncConnection, webhook_id: str) -> None:
    """End a subscription and delete its secrets; its deliveries stay on record."""
    ended = {"active": False, "deleted_at": func.now()}
    await update_subscription(connection, webhook_id, ended)
    await connection.execute(
        delete(webhook_secrets).where(webhook_secrets.c.webhook_id == webhook_id)
    )


async def find_deliveries(connection: AsyncConnection, *event_ids: str) -> list[str]:
    """Return the ids of the deliveries that events called for when they were published."""
    rows = await connection.execute(
        select(deliveries.c.id).where(deliveries.c.event_id.in_(event_ids))
    )
    return list(rows.scalars())


async def list_pending(connection: AsyncConnection, outage_id: str) -> list[str]:
    """Return the ids of an outage's deliveries that have not ended."""
    rows = await connection.execute(
        select(deliveries.c.id)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(events.c.outage_id == outage_id, deliveries.c.status == DeliveryStatus.PENDING)
    )
    return list(rows.scalars())


async def list_undispatched(connection: AsyncConnection) -> list[str]:
    """
    Return pending deliveries of events that only the schedule dispatches and nobody has started.

    The oldest come first, and no more than one run can start.
    """
    rows = await connection.execute(
        select(deliveries.c.id)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(
            deliveries.c.status == "pending",
            deliveries.c.attempts == 0,
            events.c.type.in_(_DISPATCHED_BY_SCHEDULE),
        )
        .order_by(events.c.sequence, deliveries.c.id)
        .limit(DISPATCHED_MAX)
    )
    return list(rows.scalars())
