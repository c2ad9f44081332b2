"""Deliveries of events to receivers in the database, with every attempt."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import RowMapping, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import (
    audit_entries,
    deliveries,
    delivery_attempts,
    events,
    webhooks,
)
from domain.deliveries import DeliveryAttempt, DeliveryRecord, DeliveryStatus
from domain.digests import derive_id
from domain.errors import NotFound


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


async def abandon(
    connection: AsyncConnection, delivery_id: str, problem: str = ""
) -> DeliveryStatus:
    """
    Give up a delivery, unless it is due: then somebody wants it tried, and its subscription has not ended. Return
    what it is by then, which is SUCCESS if it was delivered before.
    """
    ended = exists().where(
        webhooks.c.id == deliveries.c.webhook_id, webhooks.c.deleted_at.is_not(None)
    )
    changes: dict[str, Any] = dict.fromkeys(("next_attempt_at", "due_at", "leased_until"))
    if problem:
        changes["problem"] = problem
    await connection.execute(
        transitions.DELIVERIES.update(DeliveryStatus.FAILED, **changes).where(
            deliveries.c.id == delivery_id, deliveries.c.due_at.is_(None) | ended
        )
    )
    status = select(deliveries.c.status).where(deliveries.c.id == delivery_id)
    return DeliveryStatus((await connection.execute(status)).scalar_one())


async def reopen_delivery(connection: AsyncConnection, delivery_id: str) -> None:
    """Let a delivery be tried now that was given up, or that waits for its next attempt."""
    failed, pending = {DeliveryStatus.FAILED}, DeliveryStatus.PENDING
    await transitions.move(
        connection,
        transitions.DELIVERIES,
        {"id": delivery_id},
        pending,
        failed,
        again=True,
        problem=None,
        earlier_attempts=deliveries.c.attempts,
        due_at=func.now(),
        next_attempt_at=None,
    )


_RECORDS = (
    select(
        deliveries,
        events.c.type,
        events.c.outage_id,
        webhooks.c.url,
        audit_entries.c.correlation_id,
    )
    .join(events, events.c.id == deliveries.c.event_id)
    .join(audit_entries, audit_entries.c.id == events.c.entry_id)
    .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
)


async def get_delivery(
    connection: AsyncConnection, webhook_id: str, delivery_id: str
) -> DeliveryRecord:
    """Return a delivery of a subscription. Raises NotFound."""
    wanted = _RECORDS.where(deliveries.c.id == delivery_id, deliveries.c.webhook_id == webhook_id)
    found = _to_records((await connection.execute(wanted)).mappings())
    if not found:
        raise NotFound(f"webhook {webhook_id!r} has no delivery {delivery_id!r}")
    return found[0]


async def list_deliveries(
    connection: AsyncConnection,
    webhook_id: str,
    status: DeliveryStatus | None,
    segment: ListSegment,
) -> list[DeliveryRecord]:
    """Return the newest deliveries to a receiver, those of one status or all."""
    wanted = [deliveries.c.webhook_id == webhook_id]
    if status is not None:
        wanted.append(deliveries.c.status == status)
    key = Keyset((deliveries.c.created_at, deliveries.c.id))
    rows = await read_part(connection, Listing(deliveries, key, wanted, _RECORDS), segment)
    return _to_records(rows)


async def add(connection: AsyncConnection, event_id: str, webhook_id: str) -> str:
    """Have an event delivered to one receiver, whether it subscribed to that or not; return the delivery's id."""
    delivery_id = derive_id("dlv", event_id, webhook_id)
    await connection.execute(
        insert(deliveries)
        .values(
            id=delivery_id,
            event_id=event_id,
            webhook_id=webhook_id,
            status="pending",
            due_at=func.now(),
        )
        .on_conflict_do_nothing()
    )
    return delivery_id


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[DeliveryRecord]:
    """Return the deliveries of an outage's events, the oldest first."""
    oldest = _RECORDS.order_by(deliveries.c.created_at, deliveries.c.id)
    found = await connection.execute(oldest.where(events.c.outage_id == outage_id))
    return _to_records(found.mappings())


def _to_records(rows: Iterable[RowMapping]) -> list[DeliveryRecord]:
    names = [each.name for each in fields(DeliveryRecord)]
    return [
        DeliveryRecord(
            **{name: row[name] for name in names} | {"status": DeliveryStatus(row["status"])}
        )
        for row in rows
    ]
