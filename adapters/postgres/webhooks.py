"""Webhook subscriptions and their deliveries in the database."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CursorResult, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import audit_entries, deliveries, events, webhooks
from domain.errors import IllegalTransition, NotFound
from domain.events import EventType
from domain.webhooks import DeliveryRecord, DeliveryResult, DeliveryStatus, Subscription

# Deliveries that one run of the schedule starts; the next run starts the others.
DISPATCHED_MAX = 500
# Events that are published outside the workflows of outages and payments.
_DISPATCHED_BY_SCHEDULE = (
    *(EventType.BREAK_FOUND, EventType.BREAK_CLOSED, EventType.CIRCUIT_BREAKER_OPENED),
    *(EventType.INVARIANT_VIOLATED, EventType.OBLIGATION_OVERDUE),
)

# Of the request that caused an event, as the event's audit entry says.
_CORRELATION_ID = (
    cast(func.convert_from(audit_entries.c.content, "UTF8"), JSON)["correlation_id"]
    .as_string()
    .label("correlation_id")
)


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """All that is needed to post one delivery. Its secret is hidden in every repr."""

    url: str
    secret: "Secret"
    event_id: str
    type: str
    occurred_at: datetime
    data: dict[str, Any]
    correlation_id: str
    status: DeliveryStatus
    active: bool


class Secret(str):
    """A text whose repr hides it."""

    def __repr__(self) -> str:
        return "'**********'"


async def subscribe(
    connection: AsyncConnection, webhook_id: str, url: str, wanted: list[str], secret: str
) -> None:
    await connection.execute(
        insert(webhooks).values(id=webhook_id, url=url, events=wanted, secret=secret)
    )


async def list_subscriptions(connection: AsyncConnection) -> list[Subscription]:
    rows = await connection.execute(
        select(webhooks.c.id, webhooks.c.url, webhooks.c.events, webhooks.c.active)
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


async def unsubscribe(connection: AsyncConnection, webhook_id: str) -> None:
    """End a subscription and delete its secret; its deliveries stay on record."""
    ended = {"active": False, "deleted_at": func.now(), "secret": ""}
    await update_subscription(connection, webhook_id, ended)


async def load_delivery(connection: AsyncConnection, delivery_id: str) -> PendingDelivery | None:
    """Return what to post for a delivery; None when there is no such delivery."""
    rows = await connection.execute(
        select(
            webhooks.c.url,
            webhooks.c.secret,
            webhooks.c.active,
            deliveries.c.event_id,
            deliveries.c.status,
            events.c.type,
            events.c.occurred_at,
            events.c.data,
            _CORRELATION_ID,
        )
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .join(events, events.c.id == deliveries.c.event_id)
        .join(audit_entries, audit_entries.c.id == events.c.entry_id)
        .where(deliveries.c.id == delivery_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        return None
    return PendingDelivery(
        url=row["url"],
        secret=Secret(row["secret"]),
        event_id=row["event_id"],
        type=row["type"],
        occurred_at=row["occurred_at"],
        data=row["data"],
        correlation_id=row["correlation_id"],
        status=DeliveryStatus(row["status"]),
        active=row["active"],
    )


async def record_result(
    connection: AsyncConnection, result: DeliveryResult, status: DeliveryStatus, at: datetime
) -> None:
    """Record the newest attempt to deliver; nothing is recorded when the delivery has ended already."""
    with suppress(IllegalTransition):
        await transitions.move(
            connection,
            transitions.DELIVERIES,
            {"id": result.delivery_id},
            status,
            again=status is DeliveryStatus.PENDING,
            attempts=result.attempt,
            response_code=result.response_code,
            problem=result.problem or None,
            delivered_at=at if result.delivered else None,
        )


async def abandon(connection: AsyncConnection, delivery_id: str) -> DeliveryStatus:
    """Give up a delivery; return the status it ended with, which is SUCCESS if it was delivered before."""
    try:
        await transitions.move(
            connection, transitions.DELIVERIES, {"id": delivery_id}, DeliveryStatus.FAILED
        )
    except IllegalTransition:
        return DeliveryStatus.SUCCESS
    return DeliveryStatus.FAILED


async def reopen_delivery(connection: AsyncConnection, delivery_id: str) -> None:
    """Let a delivery that was given up be tried again; one that waits goes on waiting."""
    failed, pending = {DeliveryStatus.FAILED}, DeliveryStatus.PENDING
    await transitions.move(
        connection, transitions.DELIVERIES, {"id": delivery_id}, pending, failed, problem=None
    )


_RECORDS = (
    select(deliveries, events.c.type, events.c.outage_id, webhooks.c.url, _CORRELATION_ID)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(audit_entries, audit_entries.c.id == events.c.entry_id)
    .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
)


async def get_delivery(
    connection: AsyncConnection, webhook_id: str, delivery_id: str
) -> DeliveryRecord:
    """Return a delivery of a subscription. Raises NotFound."""
    wanted = _RECORDS.where(deliveries.c.id == delivery_id, deliveries.c.webhook_id == webhook_id)
    found = _to_records(await connection.execute(wanted))
    if not found:
        raise NotFound(f"webhook {webhook_id!r} has no delivery {delivery_id!r}")
    return found[0]


async def list_deliveries(
    connection: AsyncConnection, webhook_id: str, limit: int = 100
) -> list[DeliveryRecord]:
    newest = _RECORDS.order_by(deliveries.c.created_at.desc(), deliveries.c.id).limit(limit)
    return _to_records(
        await connection.execute(newest.where(deliveries.c.webhook_id == webhook_id))
    )


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[DeliveryRecord]:
    """Return the deliveries of an outage's events, the oldest first."""
    oldest = _RECORDS.order_by(deliveries.c.created_at, deliveries.c.id)
    return _to_records(await connection.execute(oldest.where(events.c.outage_id == outage_id)))


def _to_records(rows: CursorResult[Any]) -> list[DeliveryRecord]:
    return [
        DeliveryRecord(**{**row, "status": DeliveryStatus(row["status"])})
        for row in rows.mappings()
    ]


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
