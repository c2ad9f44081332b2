"""Treasuries in the database: the accounts that agreements pay from, and how far their transfers are read."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading import keysets
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment
from adapters.postgres.tables import treasuries
from domain.sla.agreements.treasuries import TreasuryRecord


async def lock(connection: AsyncConnection) -> None:
    """Keep others from adding or joining a treasury, or from moving the position of the chain, until the commit."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('treasuries'))"))


# The first ones are read together from the beginning; a later one is read up to where the others are, and then joins.
_ADD = text(
    """
    INSERT INTO treasuries (address, since_ledger, joined)
    SELECT named.address, coalesce(c.ledger, 0), c.ledger IS NULL
    FROM unnest(CAST(:addresses AS text[])) AS named (address) LEFT JOIN chain_cursor c ON true
    ON CONFLICT DO NOTHING
    """
)


async def add(connection: AsyncConnection, addresses: Collection[str]) -> None:
    """Have the transfers of these accounts read from now on, with all that the nodes remember of them."""
    if {*addresses} <= await list_addresses(connection):
        return
    await lock(connection)
    await connection.execute(_ADD, {"addresses": sorted({*addresses})})


async def list_addresses(connection: AsyncConnection) -> set[str]:
    """Return every account that an agreement ever paid from, or will."""
    return set(await connection.scalars(select(treasuries.c.address)))


async def list_joined(connection: AsyncConnection) -> list[str]:
    """Return those whose transfers are read up to the position of the chain."""
    wanted = select(treasuries.c.address).where(treasuries.c.joined).order_by(treasuries.c.address)
    return list(await connection.scalars(wanted))


async def list_waiting(connection: AsyncConnection) -> dict[str, int]:
    """Return those whose transfers are not, each with the last ledger that was read of it, 0 before any."""
    c = treasuries.c
    rows = await connection.execute(
        select(c.address, c.read_to).where(~c.joined).order_by(c.address)
    )
    return {row.address: row.read_to or 0 for row in rows}


_ADVANCE = text(
    """
    UPDATE treasuries SET read_to = greatest(read_to, CAST(:ledger AS bigint)),
           joined = joined OR :ledger >= (SELECT ledger FROM chain_cursor)
    WHERE address = :address RETURNING joined
    """
)


async def advance(connection: AsyncConnection, address: str, ledger: int) -> bool:
    """Record how far a treasury that waits is read; it joins the others, and True is returned, where they are not further."""
    await lock(connection)
    return bool(await connection.scalar(_ADVANCE, {"address": address, "ledger": ledger}))


async def save_seen(
    connection: AsyncConnection,
    balances: Mapping[str, int | None],
    signable: Collection[str],
    at: datetime,
) -> None:
    """Save what a settlement worker saw: what each account may send, and which of them it has the seeds of."""
    for address, balance in sorted(balances.items()):
        seen = {"signable": address in signable, "balance_stroops": balance, "seen_at": at}
        await connection.execute(
            update(treasuries).where(treasuries.c.address == address).values(seen)
        )


_RECORDS = text(
    """
    WITH lasting AS (
        SELECT v.agreement, coalesce(v.bond, a.bond) AS bond, coalesce(v.pool, a.pool) AS pool
        FROM agreement_versions v JOIN agreements a ON a.name = v.agreement
        WHERE (v.effective_until IS NULL OR v.effective_until > :at)
          AND NOT EXISTS (SELECT FROM agreement_versions later WHERE later.agreement = v.agreement
                          AND later.effective_from > v.effective_from AND later.effective_from <= :at)
    ), naming AS (
        SELECT address, array_agg(DISTINCT agreement ORDER BY agreement) AS named_by FROM (
            SELECT bond AS address, agreement FROM lasting UNION SELECT pool, agreement FROM lasting
        ) both_roles WHERE CAST(:only AS text[]) IS NULL OR address = ANY(:only) GROUP BY address
    ), owing AS (
        SELECT from_address AS address, sum(amount_stroops)::bigint AS stroops FROM payments
        WHERE status IN ('pending', 'on_hold', 'blocked')
          AND (CAST(:only AS text[]) IS NULL OR from_address = ANY(:only)) GROUP BY from_address
    )
    SELECT t.address, coalesce(n.named_by, '{}') AS named_by, coalesce(o.stroops, 0) AS unsigned_stroops,
           t.joined, t.signable, t.balance_stroops, t.seen_at
    FROM treasuries t LEFT JOIN naming n ON n.address = t.address LEFT JOIN owing o ON o.address = t.address
    WHERE CAST(:only AS text[]) IS NULL OR t.address = ANY(:only)
    ORDER BY t.added_at, t.address
    """
)


async def list_records(
    connection: AsyncConnection, at: datetime, only: Collection[str] | None = None
) -> list[TreasuryRecord]:
    """Return every treasury, or `only` some, with what it owes and who names it, the first one first."""
    bound = None if only is None else sorted(only)
    rows = await connection.execute(_RECORDS, {"at": at, "only": bound})
    return [TreasuryRecord(**row) for row in rows.mappings()]


async def list_page(connection: AsyncConnection, segment: ListSegment) -> tuple[list[str], Total]:
    """Return one page of the treasuries' addresses, in their order, and how many there are."""
    address = treasuries.c.address
    listing = Listing(treasuries, Keyset((address,), descending=False), (), select(address))
    rows, total = await keysets.read_page(connection, listing, segment)
    return [row.address for row in rows], total
