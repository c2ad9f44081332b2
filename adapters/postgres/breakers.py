"""The breaker in the database: one row, and its history in the audit trail."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import breakers, payments
from domain.breakers import Breaker
from domain.outages import Request
from domain.payments import PaymentStatus
from domain.reasons import ReasonCode

NAME = "settlement"


async def state(connection: AsyncConnection) -> Breaker:
    rows = await connection.execute(select(breakers).where(breakers.c.name == NAME))
    row = rows.one()
    return Breaker(row.is_open, row.reason, row.changed_by, row.changed_at)


async def switch(
    connection: AsyncConnection, by: Request, at: datetime, reason: str, *, to_open: bool
) -> bool:
    """Open or close it; False when it stood so before."""
    changed = await connection.execute(
        update(breakers)
        .where(breakers.c.name == NAME, breakers.c.is_open != to_open)
        .values(is_open=to_open, reason=reason, changed_by=by.actor, changed_at=at)
    )
    return changed.rowcount == 1


async def held(connection: AsyncConnection, most: int) -> list[str]:
    """Return the payments that the breaker holds, the longest first."""
    rows = await connection.execute(
        select(payments.c.id)
        .where(
            payments.c.status == PaymentStatus.HELD,
            payments.c.reason_code == ReasonCode.CIRCUIT_BREAKER_OPEN,
        )
        .order_by(payments.c.created_at)
        .limit(most)
    )
    return list(rows.scalars())
