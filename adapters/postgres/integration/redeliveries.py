"""Deliveries that were given up: counted, listed in pages, and made due again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import deliveries, events
from domain.deliveries import DeliveryStatus


async def list_failed(
    connection: AsyncConnection, webhook_id: str, since: datetime, after: str, limit: int
) -> list[str]:
    """Return a page of the deliveries to a receiver that failed of an event since an instant, by their ids."""
    rows = await connection.execute(
        _select_failed(webhook_id, since, deliveries.c.id)
        .where(deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return list(rows.scalars())


async def count_failed(connection: AsyncConnection, webhook_id: str, since: datetime) -> int:
    return await connection.scalar(_select_failed(webhook_id, since, func.count())) or 0


def _select_failed(webhook_id: str, since: datetime, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(deliveries)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.status == DeliveryStatus.FAILED,
            events.c.occurred_at >= since,
        )
    )


async def reopen(connection: AsyncConnection, ids: Sequence[str]) -> int:
    """Let deliveries be tried again, those of them that failed; return how many."""
    machine, failed = transitions.DELIVERIES, {DeliveryStatus.FAILED}
    result = await connection.execute(
        text(
            f"""
            UPDATE deliveries
            SET {machine.make_assignment(DeliveryStatus.PENDING)}, problem = NULL,
                earlier_attempts = attempts, due_at = now(), next_attempt_at = NULL
            WHERE id = ANY(CAST(:ids AS text[])) AND {machine.make_condition(DeliveryStatus.PENDING, failed)}
            """
        ),
        {"ids": list(ids)},
    )
    return result.rowcount
