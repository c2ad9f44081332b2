"""The double-entry book in the database."""

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import entries, postings
from domain.ledger import Entry

_BOOK = text(
    """
    WITH entry AS (
        INSERT INTO entries (id, kind, payment_id)
        SELECT * FROM unnest(
            CAST(:ids AS text[]), CAST(:kinds AS text[]), CAST(:payment_ids AS text[])
        )
        ON CONFLICT (id) DO NOTHING RETURNING id
    )
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT posting.* FROM unnest(
        CAST(:entry_ids AS text[]), CAST(:lines AS int[]),
        CAST(:accounts AS text[]), CAST(:amounts AS bigint[])
    ) AS posting (entry_id, line, account, amount_stroops)
    JOIN entry ON entry.id = posting.entry_id
    """
)


async def book(connection: AsyncConnection, *entries: Entry) -> None:
    """Write entries with their postings, once: the same fact booked again changes nothing."""
    postings = [
        (entry.id, line, posting)
        for entry in entries
        for line, posting in enumerate(entry.postings, 1)
    ]
    await connection.execute(
        _BOOK,
        {
            "ids": [entry.id for entry in entries],
            "kinds": [entry.kind for entry in entries],
            "payment_ids": [entry.payment_id for entry in entries],
            "entry_ids": [entry_id for entry_id, _, _ in postings],
            "lines": [line for _, line, _ in postings],
            "accounts": [posting.account for _, _, posting in postings],
            "amounts": [posting.amount_stroops for _, _, posting in postings],
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
