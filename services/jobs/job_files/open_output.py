"""Open the file that a job makes, or go on with it."""

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from domain.jobs.job_files import JobFile


async def open_output(database: Database, file: JobFile) -> int:
    """Return the number of its next chunk."""
    async with database.transaction() as connection:
        await job_files.add_file(connection, file)
        return await job_files.count_chunks(connection, file.job_id, file.role)
