"""End a job that is to be cancelled."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.jobs.jobs import ENDED, KEPT, Job, JobStatus


async def stop_job(database: Database, job_id: str, at: datetime) -> Job:
    """Return the job, which is as it was when nobody asked to cancel it."""
    async with database.transaction() as connection:
        job = await jobs.lock(connection, job_id)
        if job.cancel_requested_at is not None and job.status not in ENDED:
            await stop_job_within(connection, job, at)
        return await jobs.get(connection, job_id)


async def stop_job_within(connection: AsyncConnection, job: Job, at: datetime) -> None:
    await jobs.move(connection, job.id, JobStatus.CANCELLED, ended_at=at, expires_at=at + KEPT)
    by = make_engine_request(job.correlation_id)
    payload = {"done": job.done, "total": job.total}
    key = (job.id, format_instant(at))
    await events.publish(
        connection, make_audit_entry(f"job/{job.id}", "job.cancelled", by, at, payload, *key)
    )
