"""Have a snapshot of the analytics taken, by a job: who looks for it finds it among the jobs, with what it found."""

import logging

from temporalio import activity
from temporalio.service import RPCError

from adapters.postgres.database import Database
from domain.analytics.snapshots import TakeSnapshotInput, TakeSnapshotResult
from services.analytics.snapshots.request_snapshot import request_snapshot
from workflows.analytics.snapshots import SnapshotActivities
from workflows.jobs.job_starts import start_job

log = logging.getLogger(__name__)


class SnapshotActivitiesImpl(SnapshotActivities):
    def __init__(self, database: Database) -> None:
        self.database = database

    @activity.defn
    async def take_snapshot(self, order: TakeSnapshotInput) -> TakeSnapshotResult:
        job = await request_snapshot(self.database, order.at)
        try:
            await start_job(activity.client(), job)
        except RPCError as error:
            log.warning("job %s is started by the relay later: %s", job.id, error)
        return TakeSnapshotResult(job.id)
