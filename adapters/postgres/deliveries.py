"""Deliveries of events to receivers in the database, with every attempt."""

from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CursorResult, RowMapping, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.access import webhook_secrets
from adapters.postgres.tables import (
    audit_entries,
    deliveries,
    delivery_attempts,
    events,
    webhooks,
)
from domain.access.webhook_secrets import SigningSecret
from domain.deliveries import DeliveryAttempt, DeliveryRecord, DeliveryStatus
from domain.digests import derive_id
from domain.errors import IllegalTransition, NotFound

# Of the request that caused an event, as the event's audit entry says.
_CORRELATION_ID = (
    cast(func.convert_from(audit_entries.c.content, "UTF8"), JSON)["correlation_id"]
    .as_string()
    .label("correlation_id")
)


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """All that is needed to post one delivery; its secrets are as they are kept, encrypted."""

    webhook_id: str
    url: str
    secrets: list[SigningSecret]
    event_id: str
    type: str
    occurred_at: datetime
    data: dict[str, Any]
    correlation_id: str
    status: DeliveryStatus
    attempts: int
    earlier_attempts: int
    active: bool
    deleted: bool


async def load_delivery(connection: AsyncConnection, delivery_id: str) -> PendingDelivery | None:
    """Return what to post for a delivery; None when there is no such delivery."""
    rows = await connection.execute(
        select(
            deliveries.c.webhook_id,
            webhooks.c.url,
            webhooks.c.active,
            webhooks.c.deleted_at,
            deliveries.c.event_id,
            deliveries.c.status,
            deliveries.c.attempts,
            deliveries.c.earlier_attempts,
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
    return _to_pending(row, await webhook_secrets.load(connection, row["webhook_id"]))


def _to_pending(row: RowMapping, secrets: list[SigningSecret]) -> PendingDelivery:
    return PendingDelivery(
        webhook_id=row["webhook_id"],
        url=row["url"],
        secrets=secrets,
        event_id=row["event_id"],
        type=row["type"],
        occurred_at=row["occurred_at"],
        data=row["data"],
        correlation_id=row["correlation_id"],
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        earlier_attempts=row["earlier_attempts"],
        active=row["active"],
        deleted=row["deleted_at"] is not None,
    )


async def record_attempt(
    connection: AsyncConnection, attempt: DeliveryAttempt, status: DeliveryStatus
) -> bool:
    """
    Record an attempt to deliver; False when this one was recorded before. The delivery itself stays as it is
    when it has ended already.
    """
    added = await connection.execute(
        insert(delivery_attempts)
        .values(
            delivery_id=attempt.delivery_id,
            attempt=attempt.attempt,
            attempted_at=attempt.at,
            latency_ms=attempt.latency_ms,
            response_code=attempt.response_code,
            problem=attempt.problem or None,
            excerpt=attempt.excerpt or None,
        )
        .on_conflict_do_nothing()
        .returning(delivery_attempts.c.attempt)
    )
    with suppress(IllegalTransition):
        await transitions.move(
            connection,
            transitions.DELIVERIES,
            {"id": attempt.delivery_id},
            status,
            again=status is DeliveryStatus.PENDING,
            attempts=attempt.attempt,
            response_code=attempt.response_code,
            problem=attempt.problem or None,
            delivered_at=attempt.at if attempt.delivered else None,
            next_attempt_at=attempt.next_attempt_at,
        )
    return added.one_or_none() is not None


async def list_attempts(connection: AsyncConnection, delivery_id: str) -> list[DeliveryAttempt]:
    """Return every attempt to deliver, the first one first."""
    rows = await connection.execute(
        select(delivery_attempts)
        .where(delivery_attempts.c.delivery_id == delivery_id)
        .order_by(delivery_attempts.c.attempt)
    )
    return [
        DeliveryAttempt(
            row.delivery_id,
            row.attempt,
            row.attempted_at,
            row.latency_ms,
            row.response_code,
            row.problem or "",
            row.excerpt or "",
        )
        for row in rows
    ]


async def abandon(connection: AsyncConnection, delivery_id: str) -> DeliveryStatus:
    """Give up a delivery; return the status it ended with, which is SUCCESS if it was delivered before."""
    key = {"id": delivery_id}
    try:
        await transitions.move(
            connection, transitions.DELIVERIES, key, DeliveryStatus.FAILED, next_attempt_at=None
        )
    except IllegalTransition:
        return DeliveryStatus.SUCCESS
    return DeliveryStatus.FAILED


async def reopen_delivery(connection: AsyncConnection, delivery_id: str) -> None:
    """Let a delivery that was given up be tried again; one that waits goes on waiting."""
    failed, pending = {DeliveryStatus.FAILED}, DeliveryStatus.PENDING
    await transitions.move(
        connection,
        transitions.DELIVERIES,
        {"id": delivery_id},
        pending,
        failed,
        problem=None,
        earlier_attempts=deliveries.c.attempts,
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
    connection: AsyncConnection,
    webhook_id: str,
    status: DeliveryStatus | None = None,
    limit: int = 100,
) -> list[DeliveryRecord]:
    """Return the newest deliveries to a receiver, those of one status or all."""
    newest = _RECORDS.where(deliveries.c.webhook_id == webhook_id)
    if status is not None:
        newest = newest.where(deliveries.c.status == status)
    newest = newest.order_by(deliveries.c.created_at.desc(), deliveries.c.id).limit(limit)
    return _to_records(await connection.execute(newest))


async def list_waiting(connection: AsyncConnection, webhook_id: str, limit: int) -> list[str]:
    """Return the ids of a receiver's deliveries that have not ended, the oldest first."""
    rows = await connection.execute(
        select(deliveries.c.id)
        .where(deliveries.c.webhook_id == webhook_id, deliveries.c.status == DeliveryStatus.PENDING)
        .order_by(deliveries.c.created_at, deliveries.c.id)
        .limit(limit)
    )
    return list(rows.scalars())


async def reopen_failed(connection: AsyncConnection, webhook_id: str, since: datetime) -> list[str]:
    """Let every delivery to a receiver be tried again that failed of an event since an instant."""
    rows = await connection.execute(
        select(deliveries.c.id)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.status == DeliveryStatus.FAILED,
            events.c.occurred_at >= since,
        )
        .order_by(deliveries.c.created_at, deliveries.c.id)
    )
    found = list(rows.scalars())
    for delivery_id in found:
        await reopen_delivery(connection, delivery_id)
    return found


async def add(connection: AsyncConnection, event_id: str, webhook_id: str) -> str:
    """Have an event delivered to one receiver, whether it subscribed to that or not; return the delivery's id."""
    delivery_id = derive_id("dlv", event_id, webhook_id)
    await connection.execute(
        insert(deliveries)
        .values(id=delivery_id, event_id=event_id, webhook_id=webhook_id, status="pending")
        .on_conflict_do_nothing()
    )
    return delivery_id


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[DeliveryRecord]:
    """Return the deliveries of an outage's events, the oldest first."""
    oldest = _RECORDS.order_by(deliveries.c.created_at, deliveries.c.id)
    return _to_records(await connection.execute(oldest.where(events.c.outage_id == outage_id)))


def _to_records(rows: CursorResult[Any]) -> list[DeliveryRecord]:
    names = [each.name for each in fields(DeliveryRecord)]
    return [
        DeliveryRecord(
            **{name: row[name] for name in names} | {"status": DeliveryStatus(row["status"])}
        )
        for row in rows.mappings()
    ]
