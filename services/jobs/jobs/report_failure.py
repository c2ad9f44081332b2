"""Report that an attempt of a job came to nothing; it has failed when trying again cannot help, or helped too rarely."""

from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.jobs.jobs import (
    ENDED,
    FAILURES_MAX,
    KEPT,
    Job,
    JobStatus,
    ReportFailureInput,
)
from services.jobs.jobs.stop_job import stop_job_within


async def report_failure(database: Database, failure: ReportFailureInput, at: datetime) -> Job:
    """Return the job as it stands then: one that has ended meanwhile stays as it is."""
    job_id = failure.job_id
    async with database.transaction() as connection:
        job = await jobs.lock(connection, job_id)
        if job.status in ENDED:
            return job
        if job.cancel_requested_at is not None:
            await stop_job_within(connection, job, at)
            return await jobs.get(connection, job_id)
        failures = job.failures + 1
        await jobs.note_failure(connection, job_id, failure.error, failures)
        if failure.final or failures >= FAILURES_MAX:
            await jobs.move(connection, job_id, JobStatus.FAILED, ended_at=at, expires_at=at + KEPT)
            payload = {"error": failure.error, "done": job.done, "failures": failures}
            by = make_engine_request(job.correlation_id)
            key = (job_id, format_instant(at))
            await events.publish(
                connection, make_audit_entry(f"job/{job_id}", "job.failed", by, at, payload, *key)
            )
        return await jobs.get(connection, job_id)
