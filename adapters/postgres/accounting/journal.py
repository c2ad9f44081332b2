"""The double-entry journal in the database: entries, their postings, and every account's balance."""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import CursorResult, TextClause, bindparam, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import balances as rows_of_balances
from adapters.postgres.tables import entries, postings
from adapters.postgres.transitions import NO_CONSEQUENCE, Change, Consequence
from domain.accounting.journal import (
    Entry,
    EntryKind,
    make_accrual,
    make_correction,
    make_reversal,
)
from domain.accounting.postings import Balance, Posting, RecordedPosting
from domain.settlement.payments import Payment

# One statement that always locks in the same order, so that no two can deadlock: entries by id, accounts
# and balances by name. Each part reads the one before it, which fixes the order of execution.
# A new balance is inserted with its final amount, and a trigger checks its floor afterwards.
_POSTING = """
    wanted AS (
        SELECT * FROM unnest(
            CAST(:ids AS text[]), CAST(:kinds AS text[]), CAST(:payment_ids AS text[]),
            CAST(:currencies AS text[]), CAST(:line_counts AS int[]), CAST(:slots AS int[]),
            CAST(:corrected AS text[]), CAST(:transaction_hashes AS text[])
        ) AS wanted
            (id, kind, payment_id, currency, lines, slot, corrects, transaction_hash)
        WHERE {condition}
        ORDER BY id
    ), posted AS (
        INSERT INTO entries
            (id, kind, payment_id, currency, lines, slot, corrects, transaction_hash)
        SELECT * FROM wanted
        ON CONFLICT (id) DO NOTHING RETURNING id, currency, slot
    ), line AS (
        SELECT * FROM unnest(
            CAST(:entry_ids AS text[]), CAST(:lines AS int[]),
            CAST(:accounts AS text[]), CAST(:amounts AS bigint[])
        ) AS line (entry_id, line, account, amount_stroops)
    ), posting AS (
        INSERT INTO postings (entry_id, line, account, amount_stroops)
        SELECT line.* FROM line JOIN posted ON posted.id = line.entry_id
        RETURNING entry_id, account, amount_stroops
    ), moved AS MATERIALIZED (
        SELECT account, currency, slot, sum(amount_stroops) AS amount_stroops
        FROM posting JOIN posted ON posted.id = posting.entry_id
        GROUP BY account, currency, slot
    ), known AS (
        INSERT INTO accounts (name, currency, kind, floor_stroops)
        SELECT a.* FROM unnest(
            CAST(:names AS text[]), CAST(:account_currencies AS text[]),
            CAST(:account_kinds AS text[]), CAST(:floors AS bigint[])
        ) AS a (name, currency, kind, floor_stroops)
        WHERE EXISTS (SELECT FROM moved WHERE (account, moved.currency) = (a.name, a.currency))
          AND NOT EXISTS (
              SELECT FROM accounts WHERE (accounts.name, accounts.currency) = (a.name, a.currency)
          )
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING RETURNING 1
    ), balance AS (
        INSERT INTO balances AS b (account, currency, slot, amount_stroops)
        SELECT account, currency, slot, amount_stroops
        FROM moved, (SELECT count(*) FROM known) AS _
        ORDER BY account, currency, slot
        ON CONFLICT (account, currency, slot)
        DO UPDATE SET amount_stroops = b.amount_stroops + excluded.amount_stroops
    )
"""
_POST = text(f"WITH {_POSTING.format(condition='true')} SELECT count(*) FROM posted")
_AFTER_CHANGE = _POSTING.format(condition="EXISTS (SELECT FROM changed)")


@cache
def _compose(*ctes: str) -> TextClause:
    return text(f"WITH {', '.join(ctes)} SELECT * FROM changed")


async def change(
    connection: AsyncConnection,
    made: Change,
    posted: Sequence[Entry],
    published: Consequence = NO_CONSEQUENCE,
) -> dict[str, Any] | None:
    """
    Change a row, post entries and publish that, in one statement; return what the change returns. Nothing is posted
    or published when it changes nothing, and None returned.
    """
    changed = await change_all(connection, made, posted, published)
    return changed[0] if changed else None


async def change_all(
    connection: AsyncConnection,
    made: Change,
    posted: Sequence[Entry],
    published: Consequence = NO_CONSEQUENCE,
) -> list[dict[str, Any]]:
    """Do the same with many rows; entries are posted and published when any is changed: compare how many were."""
    values = {**made.values, **_describe(posted), **published.values}
    statement = _compose(made.ctes, _AFTER_CHANGE, *published.ctes)
    return [dict(each) for each in (await connection.execute(statement, values)).mappings()]


async def post_entry(connection: AsyncConnection, *entries: Entry) -> bool:
    """Post entries, each once; False when none of them was new."""
    return await post_entries(connection, entries)


async def accrue(connection: AsyncConnection, payment: Payment) -> None:
    """
    Post the accrual of a payment, once.

    If it was posted for another payee, whose payout address has changed since, it is reversed and
    corrected.
    """
    entry = make_accrual(payment)
    if await post_entry(connection, entry):
        return
    known = await find_accrual(connection, payment.id)
    if known is not None and known.postings != entry.postings:
        await post_entry(connection, make_reversal(known), make_correction(known, entry.postings))


async def keep_accrual(connection: AsyncConnection, payment: Payment) -> None:
    """Have the accrual of a payment posted that was posted with its verdict: most are as they were then."""
    known = await find_accrual(connection, payment.id)
    if known is None or known.postings != make_accrual(payment).postings:
        await accrue(connection, payment)


async def replace_accrual(connection: AsyncConnection, payment: Payment, replaced_id: str) -> None:
    """Post the accrual of a payment, and reverse that of the payment whose verdict it replaces."""
    await take_back_accrual(connection, replaced_id)
    await post_entry(connection, make_accrual(payment))


async def take_back_accrual(connection: AsyncConnection, payment_id: str) -> bool:
    """Take back what is owed by a payment that was never signed for; False when nothing is."""
    owed = await find_accrual(connection, payment_id)
    return owed is not None and await post_entry(connection, make_reversal(owed))


async def find_accrual(connection: AsyncConnection, payment_id: str) -> Entry | None:
    """Return the accrual of a payment, or the last correction of it; None when it is taken back."""
    return _to_entry(await connection.execute(_STANDING_ACCRUAL, {"payment_id": payment_id}))


async def get(connection: AsyncConnection, entry_id: str) -> Entry | None:
    return _to_entry(await connection.execute(_ENTRY, {"entry_id": entry_id}))


_LINES = (
    select(entries, postings.c.account, postings.c.amount_stroops)
    .join(postings, postings.c.entry_id == entries.c.id)
    .order_by(entries.c.id, postings.c.line)
)
_ENTRY = _LINES.where(entries.c.id == bindparam("entry_id"))
_REVERSAL = entries.alias("reversal")
_STANDING_ACCRUAL = _LINES.where(
    entries.c.payment_id == bindparam("payment_id"),
    entries.c.kind.in_([EntryKind.ACCRUAL, EntryKind.CORRECTION]),
    ~exists().where(_REVERSAL.c.corrects == entries.c.id, _REVERSAL.c.kind == EntryKind.REVERSAL),
)


def _to_entry(rows: CursorResult[Any]) -> Entry | None:
    """Return the entry of these lines, the first of them where there are several."""
    found = rows.all()
    if not found:
        return None
    head = found[0]
    lines = tuple(Posting(row.account, row.amount_stroops) for row in found if row.id == head.id)
    return Entry(
        *(head.id, head.kind, head.payment_id, lines),
        *(head.currency, head.corrects, head.transaction_hash),
    )


async def post_entries(connection: AsyncConnection, posted: Sequence[Entry]) -> bool:
    """
    Post many entries at once; False when none was new.

    Balances stay locked until the transaction ends, so post late in it, and post everything together.
    """
    return bool(await connection.scalar(_POST, _describe(posted)))


def _describe(posted: Sequence[Entry]) -> dict[str, Any]:
    """Return entries as the values of a statement that posts them."""
    lines = [
        (entry.id, line, posting)
        for entry in posted
        for line, posting in enumerate(entry.postings, 1)
    ]
    accounts = sorted(
        {*chain.from_iterable(entry.accounts for entry in posted)},
        key=lambda account: (account.name, account.currency),
    )
    return {
        "ids": [entry.id for entry in posted],
        "kinds": [entry.kind for entry in posted],
        "payment_ids": [entry.payment_id for entry in posted],
        "currencies": [entry.currency for entry in posted],
        "line_counts": [len(entry.postings) for entry in posted],
        "slots": [entry.slot for entry in posted],
        "corrected": [entry.corrects for entry in posted],
        "transaction_hashes": [entry.transaction_hash for entry in posted],
        "entry_ids": [entry_id for entry_id, _, _ in lines],
        "lines": [line for _, line, _ in lines],
        "accounts": [posting.account for _, _, posting in lines],
        "amounts": [posting.amount_stroops for _, _, posting in lines],
        "names": [account.name for account in accounts],
        "account_currencies": [account.currency for account in accounts],
        "account_kinds": [account.kind for account in accounts],
        "floors": [account.floor_stroops for account in accounts],
    }


async def list_balances(connection: AsyncConnection) -> list[Balance]:
    """Return every account with its balance in stroops; a debit balance is positive."""
    total = func.sum(rows_of_balances.c.amount_stroops)
    rows = await connection.execute(
        select(rows_of_balances.c.account, total.label("balance_stroops"))
        .group_by(rows_of_balances.c.account)
        .order_by(rows_of_balances.c.account)
    )
    return [Balance(row.account, int(row.balance_stroops)) for row in rows]


async def list_by_payment(connection: AsyncConnection, payment_id: str) -> list[RecordedPosting]:
    rows = await connection.execute(
        select(
            entries.c.id.label("entry_id"),
            entries.c.kind,
            entries.c.corrects,
            entries.c.posted_at,
            postings.c.account,
            postings.c.amount_stroops,
        )
        .join(postings, postings.c.entry_id == entries.c.id)
        .where(entries.c.payment_id == payment_id)
        .order_by(entries.c.posted_at, entries.c.id, postings.c.line)
    )
    return [RecordedPosting(*row) for row in rows]
