"""Forget what an earlier attempt has written: the next one writes the whole file, of one moment again."""

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import JobStep
from services.jobs.jobs.save_progress import save_progress_within


async def drop_output(database: Database, step: JobStep) -> bool:
    """Return whether there is more of it: some is dropped at a time. Raises JobStopped for an attempt that is believed to be dead: it deletes nothing."""
    async with database.transaction() as connection:
        await save_progress_within(connection, step)
        if await job_files.delete_chunks(connection, step.job_id, FileRole.OUTPUT):
            return True
        await job_files.delete_file(connection, step.job_id, FileRole.OUTPUT)
    return False
