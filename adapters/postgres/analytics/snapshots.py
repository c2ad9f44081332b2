"""Snapshots of the analytics in the database, and what the journal says of the same instant."""

from dataclasses import asdict

from sqlalchemy import RowMapping, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.analytics.rollups import LATE, MEASURES, SUMS
from adapters.postgres.analytics.trends import to_totals
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.tables import analytics_snapshots
from domain.analytics.snapshots import AnalyticsSnapshot, Money, SeenTotals
from domain.errors import NotFound

_KEPT = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
# The clock is read after the moment that the statement sees, so that nothing seen began later.
_READ = text(
    f"""
    WITH {LATE},
    part AS (
        SELECT agreement, {", ".join(MEASURES)} FROM analytics_rollups
        WHERE grain = 'day' AND agreement <> ''
        UNION ALL
        SELECT agreement, {SUMS} FROM late GROUP BY agreement
    ),
    summed AS (SELECT agreement, {_KEPT} FROM part GROUP BY agreement)
    SELECT clock_timestamp() AS at, CAST(pg_current_snapshot() AS text) AS seen, summed.*
    FROM (VALUES (1)) AS once LEFT JOIN summed ON true ORDER BY agreement
    """
)
# What was posted after a restored backup was written has old transaction ids, and is younger.
_JOURNAL = text(
    """
    SELECT coalesce(o.agreement, '') AS agreement,
        coalesce(sum(p.amount_stroops) FILTER (WHERE p.account = 'expense:reward'), 0) AS rewards,
        coalesce(sum(p.amount_stroops) FILTER (WHERE p.account = 'expense:penalty'), 0) AS penalties
    FROM entries e
    JOIN postings p ON p.entry_id = e.id AND p.account IN ('expense:reward', 'expense:penalty')
    LEFT JOIN sla_results r ON r.payment_id = e.payment_id
    LEFT JOIN outages o ON o.id = r.outage_id
    WHERE e.posted_at <= :at AND pg_visible_in_snapshot(e.xid, CAST(:seen AS pg_snapshot))
    GROUP BY 1
    """
)


async def read_totals(connection: AsyncConnection) -> SeenTotals:
    """Return what every agreement comes to now, as one statement sees it, and what that has seen."""
    rows = (await connection.execute(_READ)).all()
    return SeenTotals(
        max(row.at for row in rows),
        rows[0].seen,
        {row.agreement: to_totals(row) for row in rows if row.agreement is not None},
    )


async def add(connection: AsyncConnection, snapshot: AnalyticsSnapshot) -> bool:
    """Insert a snapshot; False when its id exists."""
    added = await connection.execute(
        insert(analytics_snapshots)
        .values(**asdict(snapshot))
        .on_conflict_do_nothing()
        .returning(analytics_snapshots.c.id)
    )
    return added.one_or_none() is not None


async def get(connection: AsyncConnection, snapshot_id: str) -> AnalyticsSnapshot:
    """Raises NotFound."""
    rows = await connection.execute(
        select(analytics_snapshots).where(analytics_snapshots.c.id == snapshot_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"snapshot {snapshot_id!r} does not exist")
    return _to_snapshot(row)


def _to_snapshot(row: RowMapping) -> AnalyticsSnapshot:
    return AnalyticsSnapshot(**row)


async def list_page(
    connection: AsyncConnection, segment: ListSegment
) -> tuple[list[AnalyticsSnapshot], Total]:
    """Return one page of the snapshots, the newest first, and how many there are."""
    newest = Keyset((analytics_snapshots.c.taken_at, analytics_snapshots.c.id))
    listing = Listing(analytics_snapshots, newest, [], select(analytics_snapshots))
    rows, total = await read_page(connection, listing, segment)
    return [_to_snapshot(row) for row in rows], total


async def sum_journal(connection: AsyncConnection, snapshot: AnalyticsSnapshot) -> dict[str, Money]:
    """Add up what the entries that a snapshot has seen say that verdicts cost, by agreement."""
    rows = await connection.execute(_JOURNAL, {"at": snapshot.taken_at, "seen": snapshot.seen})
    return {row.agreement: Money(int(row.rewards), int(row.penalties)) for row in rows}
