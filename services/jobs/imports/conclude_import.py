"""Put on record what became of an imported file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import file_imports
from domain.audit import make_audit_entry
from domain.jobs.file_imports import ImportProgress, derive_import_id
from domain.jobs.jobs import JobStep
from domain.requests import Request
from domain.sla.bulk.import_plans import ImportPlan
from domain.sla.bulk.problem_files import FileProblem
from services.jobs.jobs.save_progress import save_progress_within


@dataclass(frozen=True, slots=True)
class ConcludeImport:
    step: JobStep
    plan: ImportPlan
    progress: ImportProgress
    request: Request
    at: datetime
    problems: Sequence[FileProblem] = ()


async def conclude_import(database: Database, command: ConcludeImport) -> dict[str, Any]:
    """Return what the job shows as its result; concluding once more changes nothing."""
    progress, job_id = command.progress, command.step.job_id
    import_id = derive_import_id(job_id)
    # What a check counted as right is recorded later, or, where something is wrong, not at all.
    recorded = not progress.checking
    result = {
        "import_id": import_id,
        "rows": progress.imported + progress.skipped + progress.wrong,
        "imported": progress.imported if recorded else 0,
        "skipped": progress.skipped,
        "wrong": progress.wrong,
        "right": progress.imported,
        "recorded": recorded,
    }
    async with database.transaction() as connection:
        await save_progress_within(connection, command.step)
        await file_imports.advance(
            connection, import_id, progress, command.problems, recorded=recorded
        )
        payload = result | {"filename": command.plan.filename, "mode": command.plan.mode}
        subject = f"import/{import_id}"
        entry = make_audit_entry(subject, "import.recorded", command.request, command.at, payload)
        await events.publish(connection, entry)
    return result
