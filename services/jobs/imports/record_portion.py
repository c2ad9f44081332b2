"""Record a portion of a file, with how far the import is then: both or neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import file_imports
from domain.jobs.file_imports import ImportProgress, derive_import_id
from domain.jobs.jobs import JobStep
from domain.requests import Request
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.bulk.import_plans import ImportMode, ImportPlan
from domain.sla.bulk.problem_files import FileProblem
from services.jobs.jobs.save_progress import save_progress_within
from services.sla.imports.plan_rows import PlannedRow
from services.sla.imports.record_declared import record_declared_within
from services.sla.imports.record_settled import RecordSettled, record_settled_within


@dataclass(frozen=True, slots=True)
class RecordPortion:
    """`problems` are those that the import shows, beside the file of all."""

    step: JobStep
    plan: ImportPlan
    progress: ImportProgress
    rows: Sequence[PlannedRow]
    request: Request
    at: datetime
    network: str
    problems: Sequence[FileProblem] = field(default=())


async def record_portion(database: Database, command: RecordPortion) -> list[JudgedDeclaration]:
    """Return how the workflows of the new outages are started: the relay starts those that nobody does."""
    import_id, rows, at = derive_import_id(command.step.job_id), command.rows, command.at
    async with database.transaction() as connection:
        await save_progress_within(connection, command.step)
        await file_imports.advance(connection, import_id, command.progress, command.problems)
        if command.plan.mode is ImportMode.BACKFILL:
            settled = RecordSettled(rows, import_id, command.request, at)
            await record_settled_within(connection, settled)
            return []
        return await record_declared_within(connection, rows, at, command.network)
