"""
Reconciliation in the database: the transfers read of the chain, and where the journal differs.

One statement joins both sides and returns only the rows where they are not plainly the same;
domain/accounting/reconciliation.py decides what each of these is.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.tables import (
    chain_cursor,
    chain_gaps,
    chain_transfers,
    payments,
    reconciliation_runs,
)
from domain.accounting.reconciliation import (
    ChainPage,
    ChainSide,
    ChainTransfer,
    Comparison,
    CursorRecord,
    Gap,
    JournalSide,
    ObservedTransaction,
    RunRecord,
    Start,
    Suspect,
)

RUNS_KEPT = timedelta(days=7)


async def get_cursor(connection: AsyncConnection) -> CursorRecord | None:
    """Return how far the chain was read, and of which network; None before the first page."""
    row = (await connection.execute(select(chain_cursor))).one_or_none()
    if row is None:
        return None
    return CursorRecord(row.first_ledger, row.ledger, row.closed_at, row.passphrase)


async def get_first_posted_ledger(connection: AsyncConnection) -> int | None:
    """Return the ledger of the oldest payment in the journal."""
    rows = await connection.execute(select(func.min(payments.c.ledger)))
    first: int | None = rows.scalar_one()
    return first


async def _save_gap(connection: AsyncConnection, gap: Gap) -> None:
    """Save a gap; if an earlier run saved it when it was shorter, it grows."""
    statement = upsert(chain_gaps).values(first_ledger=gap.first, last_ledger=gap.last)
    longer = func.greatest(chain_gaps.c.last_ledger, statement.excluded.last_ledger)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["first_ledger"], set_={"last_ledger": longer}
        )
    )


async def list_gaps(connection: AsyncConnection) -> list[Gap]:
    rows = await connection.execute(select(chain_gaps).order_by(chain_gaps.c.first_ledger))
    return [Gap(row.first_ledger, row.last_ledger) for row in rows]


async def save_transfers(connection: AsyncConnection, page: ChainPage) -> None:
    """Save the transfers of a page; another reader writes the same rows."""
    if page.transfers:
        names = ChainTransfer.__slots__
        rows = [{name: getattr(each, name) for name in names} for each in page.transfers]
        await connection.execute(upsert(chain_transfers).on_conflict_do_nothing(), rows)


async def save_page(
    connection: AsyncConnection,
    passphrase: str,
    begin: Start,
    page: ChainPage,
    read: Collection[str],
) -> bool:
    """
    Save the transfers of a page, the cursor after it, and the gap before it, in one transaction. False when another
    treasury than those `read` has joined meanwhile: then the cursor stays, and the caller reads anew.

    A gap is saved only when reading went on after it, because until then a node with a longer history
    may come back. The cursor never goes back.
    """
    await save_transfers(connection, page)
    if page.ledger < begin.ledger:
        return True  # the first ledger itself is not complete yet
    await treasuries.lock(connection)
    if {*await treasuries.list_joined(connection)} - {*read}:
        return False
    if begin.gap is not None:
        await _save_gap(connection, begin.gap)
    await _move_cursor(connection, passphrase, begin, page)
    return True


async def _move_cursor(
    connection: AsyncConnection, passphrase: str, begin: Start, page: ChainPage
) -> None:
    statement = upsert(chain_cursor).values(
        one=True,
        first_ledger=begin.ledger,
        ledger=page.ledger,
        closed_at=page.closed_at,
        passphrase=passphrase,
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["one"],
            set_={
                "ledger": statement.excluded.ledger,
                "passphrase": statement.excluded.passphrase,
                "closed_at": func.coalesce(statement.excluded.closed_at, chain_cursor.c.closed_at),
            },
            where=chain_cursor.c.ledger < statement.excluded.ledger,
        )
    )


async def find_transfer(
    connection: AsyncConnection, hashes: Sequence[str]
) -> ObservedTransaction | None:
    """Return the transfer that one of these transactions made, if it was read."""
    found = await connection.execute(
        select(
            chain_transfers.c.transaction_hash,
            chain_transfers.c.ledger,
            chain_transfers.c.closed_at,
        )
        .where(chain_transfers.c.transaction_hash.in_(hashes))
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else ObservedTransaction(*row)


# Two conditions and not one, because each uses an index; they run for every transfer without a payment.
_IS_OURS = """(
    EXISTS (SELECT FROM envelopes e WHERE e.hash = {hash})
    OR EXISTS (SELECT FROM envelopes e WHERE e.inner_hash = {hash})
)"""

# What an account sent before it was named as a treasury is nobody's to explain, but for what bears a payment's number.
_IS_OUTFLOW = """
    t.ledger <= :ledger AND t.amount_stroops > 0 AND EXISTS (
        SELECT FROM treasuries y WHERE y.address = t.from_address AND y.joined AND (
            t.ledger > y.since_ledger OR EXISTS (SELECT FROM payments q WHERE q.number::numeric = t.number)
        )
    )
"""

# The CTE `journal` is the journal's side, and the only part that knows the tables of payments. A transfer
# of nothing is no outflow: anybody can make a treasury send it, since it needs no authorisation. A payment
# in a ledger that was not read yet is left out, unless it was made well before the newest one closed.
_COMPARED = f"""
    WITH journal AS (
        SELECT coalesce(s.number, p.number)::numeric AS number, p.transaction_hash,
               (array_agg(p.id ORDER BY p.number <> coalesce(s.number, p.number), p.queue_number))[1] AS payment_id,
               sum(p.amount_stroops) AS amount_stroops,
               sum(coalesce(s.amount_stroops, p.amount_stroops)) AS allocations_stroops,
               CASE WHEN min(p.from_address) = max(p.from_address)
                    THEN min(p.from_address) ELSE 'several' END AS from_address,
               CASE WHEN min(p.to_address) = max(p.to_address)
                    THEN min(p.to_address) ELSE 'several' END AS to_address,
               min(p.from_address) AS treasury
        FROM payments p LEFT JOIN allocations s ON s.payment_id = p.id AND s.live
        WHERE p.status = 'confirmed'
          AND coalesce(p.ledger, :first_ledger) >= :first_ledger
          AND (coalesce(p.ledger, :first_ledger) <= :ledger
               OR p.confirmed_at < CAST(:closed_at AS timestamptz) - interval '10 minutes')
          AND NOT EXISTS (
              SELECT FROM chain_gaps g WHERE p.ledger BETWEEN g.first_ledger AND g.last_ledger
          )
        GROUP BY 1, 2
    ), outflow AS (
        SELECT t.*, row_number() OVER (
            PARTITION BY t.number
            ORDER BY b.number IS NULL,
                     CASE WHEN b.number IS NULL THEN NOT {_IS_OURS.format(hash="t.transaction_hash")} END,
                     t.position
        ) AS nth
        FROM chain_transfers t
        LEFT JOIN journal b ON b.number = t.number AND b.transaction_hash = t.transaction_hash
        WHERE {_IS_OUTFLOW}
    )
"""

SUSPECTS = text(
    _COMPARED
    + f"""
    SELECT b.number AS journal_number, b.transaction_hash AS journal_hash,
           b.payment_id AS journal_payment_id, b.amount_stroops AS journal_stroops,
           b.allocations_stroops, b.treasury, b.from_address AS journal_from, b.to_address AS journal_to,
           o.*, p.id AS chain_payment_id,
           p.status = 'confirmed' AND l.number <> o.number AS paid_otherwise,
           {_IS_OURS.format(hash="o.transaction_hash")} AS ours
    FROM journal b FULL JOIN outflow o
      ON o.number = b.number AND o.transaction_hash = b.transaction_hash AND o.nth = 1
    LEFT JOIN payments p ON p.number = o.number
    LEFT JOIN allocations l ON l.payment_id = p.id AND l.live
    WHERE b.number IS NULL OR o.position IS NULL OR o.kind <> 'transfer'
       OR b.amount_stroops <> o.amount_stroops OR b.allocations_stroops <> o.amount_stroops
       OR b.to_address IS DISTINCT FROM o.to_address
       OR b.from_address IS DISTINCT FROM o.from_address
    ORDER BY o.position, b.number
    """
)


async def list_suspects(connection: AsyncConnection, reading: CursorRecord) -> list[Suspect]:
    """Join journal and chain both ways; return every row where they are not plainly the same."""
    scope = {name: getattr(reading, name) for name in ("first_ledger", "ledger", "closed_at")}
    rows = await connection.execute(SUSPECTS, scope)
    return [
        Suspect(
            None if row["journal_number"] is None else _to_journal_side(row),
            None if row["position"] is None else _to_chain_side(row),
        )
        for row in rows.mappings()
    ]


def _to_journal_side(row: RowMapping) -> JournalSide:
    return JournalSide(
        int(row["journal_number"]),
        row["journal_hash"],
        row["journal_payment_id"],
        int(row["journal_stroops"]),
        int(row["allocations_stroops"]),
        row["treasury"],
        row["journal_from"],
        row["journal_to"],
    )


def _to_chain_side(row: RowMapping) -> ChainSide:
    transfer = ChainTransfer(
        row["position"],
        row["kind"],
        row["transaction_hash"],
        row["ledger"],
        row["closed_at"],
        row["from_address"],
        row["to_address"],
        None if row["number"] is None else int(row["number"]),
        row["amount_stroops"],
    )
    by, otherwise = row["chain_payment_id"], bool(row["paid_otherwise"])
    return ChainSide(transfer, row["nth"], by, row["ours"], otherwise)


_OUTFLOWS = text(
    f"""
    SELECT count(*) AS transfers, coalesce(sum(t.amount_stroops), 0) AS stroops
    FROM chain_transfers t WHERE {_IS_OUTFLOW}
    """
)


async def sum_outflows(connection: AsyncConnection, reading: CursorRecord) -> tuple[int, int]:
    """Return the number of transfers out of the treasuries and their sum in stroops, as far as read."""
    row = (await connection.execute(_OUTFLOWS, {"ledger": reading.ledger})).one()
    return row.transfers, int(row.stroops)


async def save_run(
    connection: AsyncConnection, at: datetime, reading: CursorRecord, found: Comparison
) -> None:
    """Save a comparison, up to which ledger it went, and its counts; delete those older than a week."""
    await connection.execute(
        delete(reconciliation_runs).where(reconciliation_runs.c.at < at - RUNS_KEPT)
    )
    await connection.execute(
        insert(reconciliation_runs).values(
            at=at,
            ledger=reading.ledger,
            closed_at=reading.closed_at,
            matched=found.matched,
            matched_stroops=found.matched_stroops,
            new_breaks=found.new_breaks,
            open_breaks=found.open_breaks,
        )
    )


async def get_last_run(connection: AsyncConnection) -> RunRecord | None:
    runs = reconciliation_runs
    rows = await connection.execute(select(runs).order_by(runs.c.id.desc()).limit(1))
    run = rows.one_or_none()
    if run is None:
        return None
    return RunRecord(run.at, run.ledger, run.closed_at, run.matched, run.matched_stroops)
