"""The double-entry book in the database."""

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import entries, postings
from domain.ledger import Entry


async def book(connection: AsyncConnection, entry: Entry) -> bool:
    """Write an entry with its postings; False when the same fact is booked already."""
    result = await connection.execute(
        insert(entries)
        .values(id=entry.id, kind=entry.kind, payment_id=entry.payment_id)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    if result.rowcount == 0:
        return False
    await connection.execute(
        insert(postings),
        [
            {
                "entry_id": entry.id,
                "line": line,
                "account": posting.account,
                "amount_stroops": posting.amount_stroops,
            }
            for line, posting in enumerate(entry.postings, start=1)
        ],
    )
    return True


async def balances(connection: AsyncConnection) -> list[RowMapping]:
    """Return every account with its balance in stroops; a debit balance is positive."""
    rows = await connection.execute(
        select(postings.c.account, func.sum(postings.c.amount_stroops).label("balance_stroops"))
        .group_by(postings.c.account)
        .order_by(postings.c.account)
    )
    return list(rows.mappings())


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[RowMapping]:
    rows = await connection.execute(
        select(entries.c.kind, entries.c.booked_at, postings.c.account, postings.c.amount_stroops)
        .join(postings, postings.c.entry_id == entries.c.id)
        .where(entries.c.payment_id == payment_id)
        .order_by(entries.c.booked_at, entries.c.id, postings.c.line)
    )
    return list(rows.mappings())
