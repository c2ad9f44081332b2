"""Forget what was kept of the rows of a file for its check: some at a time, for there may be millions."""

from adapters.postgres.database import Database
from adapters.postgres.sla.bulk import checked_rows


async def forget_rows(database: Database, job_id: str) -> int:
    """Return how many, 0 once there are no more."""
    async with database.transaction() as connection:
        return await checked_rows.forget_some(connection, job_id)
