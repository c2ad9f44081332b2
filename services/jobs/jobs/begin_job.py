"""Begin an attempt of a job, or go on where the last one was; or find that there is nothing to do."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.jobs.jobs import ENDED, Job, JobStatus
from services.jobs.jobs.stop_job import stop_job_within


async def begin_job(database: Database, job_id: str, at: datetime) -> Job:
    """
    Return the job as it is now: its `attempts` is the number of the one that begins, and whatever an earlier
    one tries to save is refused. One that has ended, or is to be cancelled, is returned as ended.
    """
    async with database.transaction() as connection:
        job = await jobs.lock(connection, job_id)
        if job.status in ENDED:
            return job
        if job.cancel_requested_at is not None:
            await stop_job_within(connection, job, at)
            return await jobs.get(connection, job_id)
        await jobs.move(
            *(connection, job_id, JobStatus.RUNNING),
            again=True,
            attempts=job.attempts + 1,
            started_at=job.started_at or at,
        )
        return await jobs.get(connection, job_id)
