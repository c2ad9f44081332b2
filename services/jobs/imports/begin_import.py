"""Record the import of a file that has come, and the job that does it; the same file again is the same import."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import file_imports, jobs
from adapters.postgres.sla import imports
from domain.jobs.file_imports import derive_import_id
from domain.jobs.job_files import JobFile
from domain.jobs.jobs import Job, JobKind
from domain.requests import Request
from domain.sla.bulk.import_plans import ImportPlan
from domain.sla.imports import ImportRecord
from services.jobs.jobs.record_job import RecordJob, record_job_within


@dataclass(frozen=True, slots=True)
class BeginImport:
    """`file` is stored under the id of the job."""

    file: JobFile
    plan: ImportPlan
    request: Request
    at: datetime


async def begin_import(database: Database, command: BeginImport) -> Job:
    """
    Return the job. Of a file that is being imported, or was without a wrong row, it is the job of then, and
    what has come now is of no use. Whatever else comes twice finds its rows on record.
    """
    file, plan = command.file, command.plan
    assert file.sha256 is not None, "the file is whole"
    async with database.transaction() as connection:
        if not plan.dry_run:
            await file_imports.lock_digest(connection, file.sha256)
            known = await file_imports.find_import(connection, file.sha256, plan)
            if known is not None:
                return await jobs.get(connection, known)
        recording = RecordJob(
            file.job_id,
            JobKind.IMPORT,
            plan.to_json() | {"sha256": file.sha256, "size": file.size},
            command.request,
            command.at,
            total=(file.size or 0) * (2 if plan.checks_first and not plan.dry_run else 1),
        )
        job = await record_job_within(connection, recording)
        record = ImportRecord(
            id=derive_import_id(job.id),
            filename=plan.filename,
            digest=file.sha256,
            imported=0,
            skipped=0,
            problems=(),
            imported_by=command.request.actor,
            created_at=command.at,
            job_id=job.id,
            mode=plan.mode,
            dry_run=plan.dry_run,
        )
        await imports.add(connection, record)
    return job
