"""Ask for the snapshot of an instant, as a job: the schedule does so once a day."""

from contextlib import suppress
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_engine_request
from domain.digests import derive_id, format_instant
from domain.errors import NotFound
from domain.jobs.jobs import Job, JobKind
from services.jobs.jobs.record_job import RecordJob, record_job_within


async def request_snapshot(database: Database, at: datetime) -> Job:
    """Return the job; asked again for the same instant, it is the job of then."""
    job_id = derive_id("job", JobKind.SNAPSHOT, format_instant(at))
    async with database.transaction() as connection:
        with suppress(NotFound):
            return await jobs.get(connection, job_id)
        command = RecordJob(job_id, JobKind.SNAPSHOT, {}, make_engine_request("snapshots"), at)
        return await record_job_within(connection, command)
