"""The figures of the database that are watched: how much is in which state, and for how long."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import deliveries, outages, payments
from domain.deliveries import DeliveryStatus
from domain.settlement.payments import PaymentStatus

_FINAL = (PaymentStatus.CONFIRMED, PaymentStatus.VOIDED)


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many have a status, and since when the oldest of them exists."""

    status: str
    count: int
    oldest: datetime | None


async def count_payments(connection: AsyncConnection) -> list[StatusCount]:
    """Count payments by status; of those that are made, only how many."""
    table = payments
    rows = await connection.execute(
        select(table.c.status, func.count(), func.min(table.c.created_at)).group_by(table.c.status)
    )
    return [
        StatusCount(status, count, None if status in _FINAL else oldest)
        for status, count, oldest in rows
    ]


async def count_outages(connection: AsyncConnection) -> list[StatusCount]:
    rows = await connection.execute(
        select(outages.c.status, func.count()).group_by(outages.c.status)
    )
    return [StatusCount(status, count, None) for status, count in rows]


async def count_pending_deliveries(connection: AsyncConnection) -> StatusCount:
    """Count the deliveries that no subscriber has taken yet."""
    pending = str(DeliveryStatus.PENDING)
    row = (
        await connection.execute(
            select(func.count(), func.min(deliveries.c.created_at)).where(
                deliveries.c.status == pending
            )
        )
    ).one()
    return StatusCount(pending, row[0], row[1])
