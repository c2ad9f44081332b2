"""Delete jobs that have expired, and files that nobody needs any more: some at a time."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs


async def purge_jobs(database: Database, at: datetime) -> int:
    """Return how much was deleted, 0 once there is no more: chunks first, then what has none left."""
    async with database.transaction() as connection:
        if chunks := await job_files.delete_some_chunks(connection, at):
            return chunks
        files = await job_files.delete_emptied(connection, at)
        return files + await jobs.delete_expired(connection, at)
