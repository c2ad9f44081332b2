"""Imports without an API: a file is stored, its job begun, and its runner called, as a worker does."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from activities.jobs.file_imports import ImportRunner
from activities.jobs.job_contexts import JobContext
from adapters.postgres.database import Database
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import Job
from domain.requests import Request
from domain.sla.bulk.import_plans import ImportMode, ImportPlan, ImportRule
from domain.sla.bulk.row_streams import ImportFormat
from services.jobs.imports.begin_import import BeginImport, begin_import
from services.jobs.job_files.read_chunks import read_chunks
from services.jobs.job_files.store_file import StoreFile, store_file
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.record_job import make_job_id

BY = Request("operator", "corr-import")


async def record_import(
    database: Database,
    content: bytes,
    *,
    mode: ImportMode = ImportMode.BACKFILL,
    rule: ImportRule = ImportRule.PARTIAL,
    dry_run: bool = False,
    agreement: str = "default",
) -> Job:
    async def stream() -> AsyncIterator[bytes]:
        yield content

    now = datetime.now(UTC)
    plan = ImportPlan("a.csv", ImportFormat.CSV, mode, rule, dry_run, "standard", agreement)
    storing = StoreFile(make_job_id(), "a.csv", "text/csv", now)
    file = await store_file(database, storing, stream())
    return await begin_import(database, BeginImport(file, plan, BY, now))


async def begin(database: Database, job_id: str) -> JobContext:
    return JobContext(database, await begin_job(database, job_id, datetime.now(UTC)))


async def run_import(database: Database, content: bytes, **plan: Any) -> dict[str, object]:
    """Return what the job found."""
    job = await record_import(database, content, **plan)
    context = await begin(database, job.id)
    result = await ImportRunner("sandbox").run(context)
    await context.save(context.done)
    return result


async def read_problems(database: Database, job_id: str) -> str:
    chunks = read_chunks(database, job_id, FileRole.OUTPUT)
    return b"".join([chunk async for chunk in chunks]).decode()
