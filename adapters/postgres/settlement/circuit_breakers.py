"""The settlement circuit breaker in the database: one row; its history is in the audit trail."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import circuit_breakers, payments
from domain.reasons import ReasonCode
from domain.requests import Request
from domain.settlement.circuit_breakers import SettlementHalt
from domain.settlement.payments import PaymentStatus

NAME = "settlement"


async def get_state(connection: AsyncConnection) -> SettlementHalt:
    rows = await connection.execute(select(circuit_breakers).where(circuit_breakers.c.name == NAME))
    row = rows.one()
    return SettlementHalt(row.is_open, row.reason, row.changed_by, row.changed_at)


async def switch(
    connection: AsyncConnection, by: Request, at: datetime, reason: str, *, to_open: bool
) -> bool:
    """Open or close the circuit breaker; False when it already was open or closed."""
    changed = await connection.execute(
        update(circuit_breakers)
        .where(circuit_breakers.c.name == NAME, circuit_breakers.c.is_open != to_open)
        .values(is_open=to_open, reason=reason, changed_by=by.actor, changed_at=at)
    )
    return changed.rowcount == 1


async def list_on_hold(connection: AsyncConnection, most: int) -> list[str]:
    """Return the payments that the circuit breaker keeps on hold, the oldest first."""
    rows = await connection.execute(
        select(payments.c.id)
        .where(
            payments.c.status == PaymentStatus.ON_HOLD,
            payments.c.reason_code == ReasonCode.CIRCUIT_BREAKER_OPEN,
        )
        .order_by(payments.c.created_at)
        .limit(most)
    )
    return list(rows.scalars())
