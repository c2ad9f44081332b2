"""Cancel a job: a queued one at once, one that runs at its next step."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.jobs.jobs import ENDED, Job, JobStatus
from domain.requests import Request
from services.jobs.jobs.stop_job import stop_job_within


@dataclass(frozen=True, slots=True)
class CancelJob:
    job_id: str
    request: Request
    at: datetime


async def cancel_job(database: Database, command: CancelJob) -> Job:
    """Return the job; asking twice changes nothing. Raises NotFound, and Conflict when it has ended otherwise."""
    job_id, by = command.job_id, command.request
    async with database.transaction() as connection:
        job = await jobs.lock(connection, job_id)
        if job.status is JobStatus.CANCELLED:
            return job
        if job.status in ENDED:
            raise Conflict(f"job {job_id!r} is {job.status}: there is nothing left to cancel")
        if job.cancel_requested_at is None:
            await jobs.request_cancel(connection, job_id, command.at)
            payload = {"status": job.status, "done": job.done}
            entry = make_audit_entry(
                f"job/{job_id}", "job.cancel_requested", by, command.at, payload, job_id
            )
            await events.publish(connection, entry)
            if job.status is JobStatus.QUEUED:
                await stop_job_within(connection, job, command.at)
        return await jobs.get(connection, job_id)
