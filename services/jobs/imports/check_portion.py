"""Remember the rows of a portion that are right, before any of a file is recorded."""

from collections.abc import Sequence

from adapters.postgres.database import Database
from adapters.postgres.sla.bulk import checked_rows
from domain.jobs.jobs import JobStep
from services.jobs.jobs.save_progress import save_progress_within
from services.sla.imports.plan_rows import PlannedRow


async def check_portion(database: Database, step: JobStep, rows: Sequence[PlannedRow]) -> None:
    """Remember rows that are right, and how far the check is."""
    async with database.transaction() as connection:
        await save_progress_within(connection, step)
        contents = [(each.declaration.outage.id, each.compute_content()) for each in rows]
        await checked_rows.add(connection, step.job_id, contents)
