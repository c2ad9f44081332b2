"""Take a snapshot of the analytics, by the pinned time zones' version."""

import logging

from temporalio import activity

from adapters.postgres.database import Database
from adapters.time_zones import TZDATA
from domain.analytics.snapshots import TakeSnapshotInput, TakeSnapshotResult
from services.analytics.snapshots.take_snapshot import TakeSnapshot, take_snapshot
from workflows.analytics.snapshots import SnapshotActivities

log = logging.getLogger(__name__)


class SnapshotActivitiesImpl(SnapshotActivities):
    def __init__(self, database: Database) -> None:
        self.database = database

    @activity.defn
    async def take_snapshot(self, order: TakeSnapshotInput) -> TakeSnapshotResult:
        taken = await take_snapshot(self.database, TakeSnapshot.by_engine(order.at, TZDATA))
        log.info("snapshot %s: sha256 %s", taken.id, taken.checksum)
        return TakeSnapshotResult(taken.id, taken.checksum)
