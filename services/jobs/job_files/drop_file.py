"""Drop a file that came for a job which is never recorded: some of it at a time."""

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from domain.jobs.job_files import JobFile


async def drop_file(database: Database, file: JobFile) -> bool:
    """Return whether there is more of it."""
    async with database.transaction() as connection:
        if await job_files.delete_chunks(connection, file.job_id, file.role):
            return True
        await job_files.delete_file(connection, file.job_id, file.role)
    return False
