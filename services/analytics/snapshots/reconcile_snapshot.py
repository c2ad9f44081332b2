"""Compare the money of a snapshot with the entries of the journal that it has seen."""

from dataclasses import dataclass

from adapters.postgres.analytics import snapshots
from adapters.postgres.database import Database, allow_long_reads
from domain.analytics.snapshots import AnalyticsSnapshot, SnapshotDifference, compare_money


@dataclass(frozen=True, slots=True)
class ReconciledSnapshot:
    """A snapshot, and each agreement of which it does not say what the journal says."""

    snapshot: AnalyticsSnapshot
    differences: list[SnapshotDifference]


async def reconcile_snapshot(database: Database, snapshot_id: str) -> ReconciledSnapshot:
    """Raises NotFound."""
    async with database.transaction() as connection:
        await allow_long_reads(connection)
        snapshot = await snapshots.get(connection, snapshot_id)
        journal = await snapshots.sum_journal(connection, snapshot)
    return ReconciledSnapshot(snapshot, compare_money(snapshot.get_money(), journal))
