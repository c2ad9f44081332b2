"""What a database holds, read in one snapshot: by it a backup is described, and what was restored from it proven."""

import hashlib

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.recovery.backups import DatabaseContents, JournalTotals, TableSummary

# A row as text depends on these; a dump may take hours, in which this transaction only waits.
_SETTINGS = (
    "SET LOCAL datestyle = 'ISO, MDY'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL jit = off",
)
_TABLES = text(
    """
    SELECT relname AS name, quote_ident(relname) AS quoted FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname
    """
)
# Seven bytes of each row's hash, summed: the order of rows plays no part, and nothing is sorted.
_SUMMARY = """
    SELECT count(*), coalesce(sum(('x' || encode(substr(
        sha256(convert_to(CAST(t AS text), 'UTF8')), 1, 7), 'hex'))::bit(56)::bigint), 0)::text
    FROM {table} t
"""
_TOTALS = text(
    """
    SELECT (SELECT count(*) FROM outages) AS outages, count(*) AS payments,
        coalesce(sum(amount_stroops), 0)::bigint AS owed_stroops,
        count(*) FILTER (WHERE status = 'confirmed') AS confirmed,
        coalesce(sum(amount_stroops) FILTER (WHERE status = 'confirmed'), 0)::bigint
            AS confirmed_stroops,
        (SELECT coalesce(sum(amount_stroops) FILTER (WHERE amount_stroops > 0), 0)::bigint
            FROM postings) AS debited_stroops
    FROM payments
    """
)
_STANDING = text(
    """
    SELECT now() AS at, current_setting('server_version_num')::int / 10000 AS server_major,
        (SELECT system_identifier::text FROM pg_control_system()) AS server_id,
        (SELECT version_num FROM alembic_version) AS revision,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transaction,
        (SELECT ledger FROM chain_cursor) AS chain_ledger,
        (SELECT closed_at FROM chain_cursor) AS chain_closed_at
    """
)

# What the journal knows of the chain beyond the last ledger that reconciliation has read.
_KNOWN = text(
    """
    SELECT DISTINCT known.hash FROM payments p
    LEFT JOIN allocations s ON s.payment_id = p.id AND s.live
    LEFT JOIN envelopes v ON (v.payment_id, v.n) = (s.lead_payment_id, s.n),
    unnest(ARRAY[p.transaction_hash, v.hash, v.inner_hash]) AS known (hash)
    WHERE p.status = 'confirmed' AND known.hash IS NOT NULL
      AND p.ledger > coalesce((SELECT ledger FROM chain_cursor), -1)
    ORDER BY known.hash
    """
)


async def prepare_snapshot(connection: AsyncConnection) -> None:
    """Let a snapshot last as long as a dump of it takes, and let rows be written as text one way."""
    for setting in _SETTINGS:
        await connection.execute(text(setting))


async def export_snapshot(connection: AsyncConnection) -> str:
    """Return the id by which another connection reads what this transaction reads, until it ends."""
    return str(await connection.scalar(text("SELECT pg_export_snapshot()")))


async def get_server_major(connection: AsyncConnection) -> int:
    setting = text("SELECT current_setting('server_version_num')::int / 10000")
    return int(await connection.scalar(setting) or 0)


async def read_contents(connection: AsyncConnection) -> DatabaseContents:
    """Read all of it; without the invariants, which a room further to the right knows."""
    row = (await connection.execute(_STANDING)).mappings().one()
    totals = (await connection.execute(_TOTALS)).mappings().one()
    passphrases = await connection.scalars(text("SELECT passphrase FROM networks"))
    return DatabaseContents(
        **row,
        known_hashes=list(await connection.scalars(_KNOWN)),
        networks=sorted(hash_passphrase(each) for each in passphrases),
        tables=await _summarize_tables(connection),
        journal=JournalTotals(**totals),
        treasuries=sorted(await connection.scalars(text("SELECT address FROM treasuries"))),
    )


async def _summarize_tables(connection: AsyncConnection) -> dict[str, TableSummary]:
    found = {}
    for name, quoted in (await connection.execute(_TABLES)).all():
        rows = await connection.execute(text(_SUMMARY.format(table=quoted)))
        found[name] = TableSummary(*rows.one())
    return found


def hash_passphrase(passphrase: str) -> str:
    return hashlib.sha256(passphrase.encode()).hexdigest()
