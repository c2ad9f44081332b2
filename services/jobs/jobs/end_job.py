"""End a job whose work is done, with what it found and the file it made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs
from domain.audit import make_audit_entry, make_engine_request
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import KEPT, Job, JobStatus, JobStep, JobStopped


@dataclass(frozen=True, slots=True)
class EndJob:
    """`size` and `sha256` are those of the file that it made; None where it made none."""

    step: JobStep
    result: dict[str, Any]
    at: datetime
    size: int | None = None
    sha256: str | None = None


async def end_job(database: Database, command: EndJob) -> Job:
    """Raises JobStopped when the job was cancelled, or another attempt of it goes on."""
    job_id, at = command.step.job_id, command.at
    async with database.transaction() as connection:
        if not await jobs.save_step(connection, command.step):
            raise JobStopped(job_id)
        await jobs.move(
            *(connection, job_id, JobStatus.DONE),
            ended_at=at,
            expires_at=at + KEPT,
            result=command.result,
            error=None,
        )
        if command.size is not None and command.sha256 is not None:
            await job_files.complete_file(
                connection, job_id, FileRole.OUTPUT, command.size, command.sha256
            )
        job = await jobs.get(connection, job_id)
        payload = {"done": job.done, "result": command.result, "sha256": command.sha256}
        by = make_engine_request(job.correlation_id)
        entry = make_audit_entry(f"job/{job_id}", "job.done", by, at, payload, job_id)
        await events.publish(connection, entry)
    return job
