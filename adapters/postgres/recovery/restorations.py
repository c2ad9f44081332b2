"""Restorations on record, and what a database has that an older backup has not."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import chain_cursor, installation_claims, restorations
from domain.recovery.restorations import NAMED_MAX, Losses, Restoration

_COLUMNS = (
    restorations.c.restored_at,
    restorations.c.backup_taken_at,
    restorations.c.backup_sha256,
    restorations.c.chain_ledger,
    restorations.c.replaced_database,
)
_NEWEST = select(func.max(restorations.c.restored_at))
# Every table that is no part of PostgreSQL itself, of whichever program.
_TABLES = text(
    """
    SELECT relname AS name, CAST(c.oid AS regclass)::text AS quoted
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY relname
    """
)
# What was confirmed is found by its entry in the journal, which has the database's own time: a payment was
# confirmed when its ledger closed, in whole seconds, which may be before a backup that does not have it.
_LOST = text(
    """
    SELECT (SELECT count(*) FROM outages WHERE declared_at > :since) AS outages,
        ARRAY(SELECT id FROM outages WHERE declared_at > :since ORDER BY declared_at, id
            LIMIT :named_max) AS outage_ids,
        count(*) FILTER (WHERE created_at > :since) AS payments,
        coalesce(sum(amount_stroops) FILTER (WHERE created_at > :since), 0)::bigint
            AS payments_stroops,
        count(*) FILTER (WHERE posted_at > :since) AS confirmed,
        coalesce(sum(amount_stroops) FILTER (WHERE posted_at > :since), 0)::bigint
            AS confirmed_stroops
    FROM payments LEFT JOIN LATERAL (
        SELECT max(posted_at) AS posted_at FROM entries
        WHERE payment_id = payments.id AND kind = 'settlement' AND status = 'confirmed'
    ) AS settled ON true
    """
)


async def add(connection: AsyncConnection, restoration: Restoration) -> None:
    await connection.execute(insert(restorations).values(restoration.payload()))


async def get_latest(connection: AsyncConnection) -> Restoration | None:
    """Return the newest restoration; None for a database that was never restored."""
    found = await connection.execute(select(*_COLUMNS).order_by(restorations.c.id.desc()).limit(1))
    row = found.one_or_none()
    return None if row is None else Restoration(*row)


async def get_unread(connection: AsyncConnection) -> datetime | None:
    """Return when the database was last restored, while no ledger that closed since has been read."""
    return await _get_later_than(connection, chain_cursor.c.closed_at)


async def get_unclaimed(connection: AsyncConnection) -> datetime | None:
    """Return when the database was last restored, while no settlement worker has claimed the channels since."""
    return await _get_later_than(connection, installation_claims.c.claimed_at)


async def _get_later_than(
    connection: AsyncConnection, instants: ColumnElement[datetime | None]
) -> datetime | None:
    restored, since = (
        await connection.scalar(_NEWEST),
        await connection.scalar(select(func.max(instants))),
    )
    return restored if restored is not None and (since is None or since < restored) else None


async def count_rows(connection: AsyncConnection) -> dict[str, int]:
    """Return how many rows each table has, of those that have any."""
    counted = {}
    for name, quoted in (await connection.execute(_TABLES)).all():
        counted[name] = int(await connection.scalar(text(f"SELECT count(*) FROM {quoted}")) or 0)
    return {name: rows for name, rows in counted.items() if rows}


async def read_losses(connection: AsyncConnection, since: datetime) -> Losses:
    """Return what the database has that is newer than a backup."""
    found = await connection.execute(_LOST, {"since": since, "named_max": NAMED_MAX})
    return Losses(since=since, **found.mappings().one())


async def get_revision(connection: AsyncConnection) -> str | None:
    """Return the migration that a database is at; None where no migration ever ran."""
    if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
