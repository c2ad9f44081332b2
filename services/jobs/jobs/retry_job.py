"""Have a job that failed done again, from where it was."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.jobs.jobs import Job, JobStatus
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RetryJob:
    job_id: str
    request: Request
    at: datetime


async def retry_job(database: Database, command: RetryJob) -> Job:
    """Return the job, which is queued again. Raises NotFound, and Conflict when it has not failed, or has expired."""
    job_id, at = command.job_id, command.at
    async with database.transaction() as connection:
        job = await jobs.lock(connection, job_id)
        if job.status is not JobStatus.FAILED:
            raise Conflict(f"job {job_id!r} is {job.status}: only one that failed can be retried")
        if job.expires_at is not None and job.expires_at <= at:
            # Of its file some may be deleted by now.
            raise Conflict(f"job {job_id!r} has expired and is being deleted: ask for a new one")
        await jobs.move(
            *(connection, job_id, JobStatus.QUEUED),
            ended_at=None,
            expires_at=None,
            error=None,
            failures=0,
        )
        payload = {"error": job.error, "done": job.done}
        key = (job_id, command.request.correlation_id, format_instant(at))
        await events.publish(
            connection,
            make_audit_entry(f"job/{job_id}", "job.retried", command.request, at, payload, *key),
        )
        return await jobs.get(connection, job_id)
