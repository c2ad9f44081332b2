"""/imports: outages from files of any size, and what became of each file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from pydantic import BaseModel

from adapters.postgres.sla.agreements import agreements
from api.access.permissions import require
from api.bodies import Text
from api.dependencies import Asked, Caller, Running
from api.edge.uploads import get_upload
from api.jobs.commands import start_job
from api.jobs.views import JobView
from api.parsing.multipart import FORM, clean_filename, declare_file_body
from api.parsing.streamed_forms import StreamedForm
from api.protocol.next_cursors import GOES_ON
from api.responses import declare_problems
from api.routes.sla.imports import FoundImports
from domain.access.permissions import Permission
from domain.access.principals import check_permission
from domain.access.scopes import EVERYTHING
from domain.jobs.jobs import PERMISSIONS, JobKind
from domain.sla.bulk.import_plans import ImportMode, ImportPlan, ImportRule, find_format
from domain.sla.imports import ImportRecord
from domain.sla.outage_rules import AGREEMENT_NAME_MAX
from services.jobs.imports.begin_import import BeginImport, begin_import
from services.jobs.job_files.drop_file import drop_file
from services.jobs.job_files.store_file import StoreFile, store_file
from services.jobs.jobs.record_job import make_job_id

router = APIRouter(prefix="/imports", tags=["imports"])


class ImportedFileView(BaseModel):
    """`job_id` is null of what came by POST /outages/bulk, and unknown to /jobs 30 days after its end."""

    id: str
    job_id: str | None
    filename: str
    sha256: str
    mode: ImportMode
    dry_run: bool
    imported: int
    skipped: int
    wrong: int
    imported_by: str
    created_at: datetime

    @classmethod
    def of(cls, record: ImportRecord) -> "ImportedFileView":
        return cls(
            id=record.id,
            job_id=record.job_id,
            filename=record.filename,
            sha256=record.digest,
            mode=ImportMode(record.mode),
            dry_run=record.dry_run,
            imported=record.imported,
            skipped=record.skipped,
            wrong=record.wrong,
            imported_by=record.imported_by,
            created_at=record.created_at,
        )


@router.post(
    "",
    dependencies=[require(PERMISSIONS[JobKind.IMPORT])],
    status_code=202,
    responses=declare_problems(404, 413, 422),
    openapi_extra=declare_file_body("text/csv", "application/json", "application/x-ndjson"),
)
async def import_file(
    request: HttpRequest,
    engine: Running,
    asked: Asked,
    caller: Caller,
    mode: ImportMode = ImportMode.DECLARE,
    rule: ImportRule = ImportRule.PARTIAL,
    dry_run: bool = False,
    agreement: Annotated[Text | None, Query(min_length=1, max_length=AGREEMENT_NAME_MAX)] = None,
    filename: Annotated[Text | None, Query(min_length=1, max_length=200)] = None,
) -> JobView:
    """
    Import outages from a file of CSV, JSON or NDJSON of at most 1 GB: a form with the part `file`, or the file
    itself as the body. `agreement` is for rows that no other agreement covers. The answer is the job that does
    it; its file names the rows that are wrong. The same file again changes nothing.
    """
    if mode is ImportMode.BACKFILL:
        # What is recorded with its verdict is resolved as well.
        check_permission(caller, Permission.OUTAGES_RESOLVE)
    if agreement is not None:
        async with engine.database.autocommit() as connection:
            await agreements.get_agreement(connection, agreement, EVERYTHING)
    name, kind, content = await _open_file(request, filename)
    settings, now, form = engine.settings, datetime.now(UTC), find_format(name, kind)
    fallback = agreement or settings.sla_agreement
    resolves = caller.may(Permission.OUTAGES_RESOLVE)
    plan = ImportPlan(name, form, mode, rule, dry_run, settings.sla_policy, fallback, resolves)
    storing = StoreFile(make_job_id(), name, kind[:100], now)
    file = await store_file(engine.database, storing, content)
    job = await begin_import(engine.database, BeginImport(file, plan, asked, datetime.now(UTC)))
    if job.id != file.job_id:
        while await drop_file(engine.database, file):
            pass
    await start_job(engine, job)
    return JobView.of(job)


async def _open_file(
    request: HttpRequest, filename: str | None
) -> tuple[str, str, AsyncIterator[bytes]]:
    """Let the file in; return its name, its content type, and its content as it comes."""
    get_upload(request.scope).allow()
    given = request.headers.get("content-type")
    if (given or "").lower().startswith(FORM):
        form = StreamedForm(given, request.stream())
        name, kind = await form.find_file()
        return clean_filename(filename) if filename else name, kind, form.read_file()
    name = clean_filename(filename or "")
    return name, given or "application/octet-stream", request.stream()


@router.get("", dependencies=[require(Permission.OUTAGES_READ)], responses=GOES_ON)
async def list_files(found: FoundImports) -> list[ImportedFileView]:
    """List what became of each file, the newest first; of one that is being imported, until now."""
    return [ImportedFileView.of(record) for record in found]
