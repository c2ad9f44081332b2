"""Limits in the database: which limits are enforced, and how much of them is spent."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import limits, spending
from domain.settlement.limits import Limits, Spending

NAME = "settlement"
LIMITS = (
    limits.c.cap_per_payment,
    limits.c.cap_per_day,
    limits.c.cap_per_payee_per_day,
    limits.c.approval_above,
    limits.c.approval_above_stated,
)


async def save(connection: AsyncConnection, allowed: Limits, at: datetime) -> bool:
    """Save the limits that are enforced from now on; False when they were enforced before."""
    values = asdict(allowed)
    statement = insert(limits).values(name=NAME, set_at=at, **values)
    changed = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={**values, "set_at": at},
            where=or_(*(column.is_distinct_from(values[column.name]) for column in LIMITS)),
        ).returning(limits.c.name)
    )
    return changed.one_or_none() is not None


async def get_enforced(connection: AsyncConnection) -> Limits:
    """Return the limits that the settlement worker which started last enforces."""
    rows = await connection.execute(select(*LIMITS).where(limits.c.name == NAME))
    row = rows.one_or_none()
    return Limits() if row is None else Limits(*row)


async def list_spent(
    connection: AsyncConnection, day: date, side: str, most: int = 10
) -> list[Spending]:
    """Return the stroops spent on a day, by treasury (payer) or by payee, the largest first."""
    rows = await connection.execute(
        select(spending.c.account, spending.c.spent_stroops)
        .where(spending.c.day == day, spending.c.side == side, spending.c.spent_stroops > 0)
        .order_by(spending.c.spent_stroops.desc(), spending.c.account)
        .limit(most)
    )
    return [Spending(row.account, int(row.spent_stroops)) for row in rows]


async def read_spent(
    connection: AsyncConnection, day: date, side: str, accounts: Collection[str]
) -> dict[str, int]:
    """Return the stroops spent on a day by each of some accounts, on one side; who spent nothing may be left out."""
    rows = await connection.execute(
        select(spending.c.account, spending.c.spent_stroops).where(
            spending.c.day == day, spending.c.side == side, spending.c.account.in_(accounts)
        )
    )
    return {row.account: int(row.spent_stroops) for row in rows}
