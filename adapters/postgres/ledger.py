"""The double-entry book in the database."""

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import entries, postings
from domain.ledger import Entry

_BOOK = text(
    """
    WITH entry AS (
        INSERT INTO entries (id, kind, payment_id) VALUES (:id, :kind, :payment_id)
        ON CONFLICT (id) DO NOTHING RETURNING id
    )
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT entry.id, posting.line, posting.account, posting.amount_stroops
    FROM entry, unnest(CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))
        WITH ORDINALITY AS posting (account, amount_stroops, line)
    """
)


async def book(connection: AsyncConnection, entry: Entry) -> None:
    """Write an entry with its postings, once: the same fact booked again changes nothing."""
    await connection.execute(
        _BOOK,
        {
            "id": entry.id,
            "kind": entry.kind,
            "payment_id": entry.payment_id,
            "accounts": [posting.account for posting in entry.postings],
            "amounts": [posting.amount_stroops for posting in entry.postings],
        },
    )


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
