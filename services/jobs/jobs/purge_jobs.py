"""Delete jobs that have expired, and files that nobody needs any more: some at a time."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs
from adapters.postgres.sla.bulk import checked_rows


async def purge_jobs(database: Database, at: datetime) -> int:
    """Return how much was deleted, 0 once there is no more: what there may be much of first."""
    async with database.transaction() as connection:
        if chunks := await job_files.delete_some_chunks(connection, at):
            return chunks
        if rows := await checked_rows.forget_some_expired(connection, at):
            return rows
        files = await job_files.delete_emptied(connection, at)
        return files + await jobs.delete_expired(connection, at)
