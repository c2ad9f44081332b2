"""Save how far a job is, in one transaction with what was done until there."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import JobStep, JobStopped


async def save_progress(database: Database, step: JobStep) -> None:
    """Raises JobStopped when the job was cancelled, or another attempt of it goes on."""
    async with database.transaction() as connection:
        await save_progress_within(connection, step)


async def save_progress_within(connection: AsyncConnection, step: JobStep) -> None:
    """
    Save it with what the caller writes: both are committed or neither. Call this first: it locks the job, so
    that two attempts never write at the same time.
    """
    if not await jobs.save_step(connection, step):
        raise JobStopped(step.job_id)
    await job_files.add_chunks(
        connection, step.job_id, FileRole.OUTPUT, step.next_chunk, step.output
    )
