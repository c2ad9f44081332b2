"""Breaks in the database: inserted once, however often they are seen, and closed once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.tables import break_resolutions, breaks, envelopes, postings
from domain.accounting.breaks import (
    SUSPENSE,
    AdjustmentKind,
    Break,
    BreakClosure,
    BreakKind,
    BreakRecord,
    BreakStatus,
    MoneyMoved,
)
from domain.accounting.reconciliation import Gap
from domain.errors import NotFound

_COLUMNS = (
    *("id", "kind", "subject", "detail", "payment_id", "number", "transaction_hash", "treasury"),
    *("journal_stroops", "chain_stroops", "owed_to"),
)
# PostgreSQL limits the number of parameters of one statement.
_ROWS_PER_STATEMENT = 1000


async def save(connection: AsyncConnection, found: Sequence[Break], at: datetime) -> list[Break]:
    """Save the breaks that were found; return those that were never found before."""
    # Always in the same order, so that two runs at the same time cannot deadlock.
    ordered = sorted({each.id: each for each in found}.items())
    return [
        each
        for start in range(0, len(ordered), _ROWS_PER_STATEMENT)
        for each in await _save_chunk(connection, ordered[start : start + _ROWS_PER_STATEMENT], at)
    ]


async def _save_chunk(
    connection: AsyncConnection, ordered: Sequence[tuple[str, Break]], at: datetime
) -> list[Break]:
    rows = [
        {name: getattr(each, name) for name in _COLUMNS} | {"found_at": at, "last_seen_at": at}
        for _, each in ordered
    ]
    added = await connection.execute(
        insert(breaks).values(rows).on_conflict_do_nothing().returning(breaks.c.id)
    )
    new = set(added.scalars())
    # In the order in which closing a break locks them.
    seen = (
        select(breaks.c.id)
        .where(breaks.c.id.in_([id_ for id_, _ in ordered]), breaks.c.last_seen_at < at)
        .order_by(breaks.c.id)
        .with_for_update()
    )
    await connection.execute(update(breaks).where(breaks.c.id.in_(seen)).values(last_seen_at=at))
    return [each for id_, each in ordered if id_ in new]


async def count_open_by_kind(connection: AsyncConnection) -> dict[str, int]:
    """Count the open breaks by kind; every kind has a count."""
    rows = await connection.execute(
        select(breaks.c.kind, func.count().label("open"))
        .where(breaks.c.status == BreakStatus.OPEN)
        .group_by(breaks.c.kind)
    )
    return {str(kind): 0 for kind in BreakKind} | {row.kind: row.open for row in rows}


async def get(connection: AsyncConnection, break_id: str, *, lock: bool = False) -> BreakRecord:
    """Return a break; with `lock`, all breaks of the same subject are locked until the commit."""
    if lock:
        subject = select(breaks.c.subject).where(breaks.c.id == break_id).scalar_subquery()
        await connection.execute(
            select(breaks.c.id)
            .where(breaks.c.subject == subject)
            .order_by(breaks.c.id)
            .with_for_update()
        )
    rows = await connection.execute(select(breaks).where(breaks.c.id == break_id))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"break {break_id!r} does not exist")
    return _to_record(row)


async def find_same_difference(connection: AsyncConnection, found: Break) -> str | None:
    """Return the id of another break of the same subject whose difference has an entry, if any."""
    other: str | None = await connection.scalar(
        select(breaks.c.id).where(
            breaks.c.subject == found.subject,
            breaks.c.id != found.id,
            breaks.c.entry_id.is_not(None),
        )
    )
    return other


async def is_own_transaction(connection: AsyncConnection, found: Break) -> bool:
    """Tell whether the transaction of a break is one that the engine signed."""
    named = or_(
        envelopes.c.hash == found.transaction_hash, envelopes.c.inner_hash == found.transaction_hash
    )
    return bool(await connection.scalar(select(exists().where(named))))


_MOVED_IN_JOURNAL = text(
    """
    SELECT substr(t.account, length('treasury:') + 1) AS treasury,
           split_part(o.account, ':', 2) AS payee, sum(o.amount_stroops) AS stroops
    FROM payments p LEFT JOIN allocations s ON s.payment_id = p.id AND s.live
    JOIN entries e ON e.payment_id = p.id AND e.kind = 'settlement' AND e.transaction_hash = :hash
    JOIN postings o ON o.entry_id = e.id AND o.amount_stroops > 0
    JOIN postings t ON t.entry_id = e.id AND t.account ^@ 'treasury:'
    WHERE coalesce(s.number, p.number) = :number GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_MOVED_ON_CHAIN = text(
    """
    SELECT to_address, amount_stroops FROM chain_transfers
    WHERE position = :position OR transaction_hash = :hash AND number = :number
    ORDER BY position = :position DESC, position LIMIT 1
    """
)


async def get_money_moved(
    connection: AsyncConnection, found: Break
) -> tuple[list[MoneyMoved], MoneyMoved | None]:
    """Return what the journal and what the chain show now for the transaction of a break."""
    about = {"hash": found.transaction_hash, "number": found.number}
    posted = []
    if found.kind in (BreakKind.MISSING_ON_CHAIN, BreakKind.AMOUNT_DIFFERS):
        rows = await connection.execute(_MOVED_IN_JOURNAL, about)
        posted = [MoneyMoved(row.treasury, row.payee, int(row.stroops)) for row in rows]
    position = found.subject.removeprefix("transfer/")
    sent = (await connection.execute(_MOVED_ON_CHAIN, about | {"position": position})).one_or_none()
    if sent is None or found.treasury is None:
        return posted, None
    return posted, MoneyMoved(found.treasury, sent.to_address, sent.amount_stroops)


def _to_record(row: RowMapping) -> BreakRecord:
    return BreakRecord(
        row["id"],
        _to_break(row),
        row["found_at"],
        row["last_seen_at"],
        BreakStatus(row["status"]),
        row["owner"],
        None if row["adjustment"] is None else AdjustmentKind(row["adjustment"]),
        row["closed_at"],
        row["closed_by"],
        row["note"],
        row["entry_id"],
    )


def _to_break(row: RowMapping) -> Break:
    return Break(
        BreakKind(row["kind"]),
        row["subject"],
        row["detail"],
        row["payment_id"],
        None if row["number"] is None else int(row["number"]),
        row["transaction_hash"],
        row["treasury"],
        row["journal_stroops"],
        row["chain_stroops"],
        row["owed_to"],
    )


# What a closed break took out of a treasury is in suspense, until somebody says what became of it.
_HAS_LOSS = exists().where(
    postings.c.entry_id == breaks.c.entry_id,
    postings.c.account == SUSPENSE,
    postings.c.amount_stroops > 0,
)
_IS_RESOLVED = exists().where(break_resolutions.c.break_id == breaks.c.id)


async def list_page(
    connection: AsyncConnection,
    *,
    kind: str | None,
    status: str | None,
    owner: str | None,
    found_before: datetime | None,
    in_suspense: bool = False,
    segment: ListSegment,
) -> tuple[list[BreakRecord], Total]:
    """Return one page, newest first, and how many there are in all."""
    wanted: list[ColumnElement[bool]] = []
    if kind is not None:
        wanted.append(breaks.c.kind == kind)
    if status is not None:
        wanted.append(breaks.c.status == status)
    if owner is not None:
        wanted.append(breaks.c.owner == owner)
    if found_before is not None:
        wanted.append(breaks.c.found_at <= found_before)
    if in_suspense:
        wanted += [breaks.c.status == BreakStatus.CLOSED, _HAS_LOSS, ~_IS_RESOLVED]
    newest = Keyset((breaks.c.found_at, breaks.c.id))
    rows, total = await read_page(
        connection, Listing(breaks, newest, wanted, select(breaks)), segment
    )
    return [_to_record(row) for row in rows], total


async def assign(connection: AsyncConnection, break_id: str, owner: str) -> None:
    await connection.execute(update(breaks).where(breaks.c.id == break_id).values(owner=owner))


async def close(
    connection: AsyncConnection, break_id: str, closure: BreakClosure, entry_id: str | None
) -> None:
    await transitions.move(
        connection,
        transitions.BREAKS,
        {"id": break_id},
        BreakStatus.CLOSED,
        closed_at=closure.at,
        closed_by=closure.closed_by,
        note=closure.note,
        adjustment=closure.kind,
        entry_id=entry_id,
    )


async def lock(connection: AsyncConnection) -> None:
    """Take the lock that lets one comparison run at a time; it is held until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('reconciliation'))"))


_UNACCEPTED = text(
    """
    SELECT first_ledger, last_ledger FROM chain_gaps g
    WHERE NOT EXISTS (
        SELECT FROM breaks b WHERE b.kind = 'history_gap' AND b.status = 'closed'
          AND b.subject = format('ledgers/%s-%s', g.first_ledger, g.last_ledger)
    )
    ORDER BY first_ledger
    """
)


async def list_unaccepted_gaps(connection: AsyncConnection) -> list[Gap]:
    """Return the gaps that no person has accepted, by closing their break."""
    return [Gap(row.first_ledger, row.last_ledger) for row in await connection.execute(_UNACCEPTED)]
