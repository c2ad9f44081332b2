"""/jobs: long work that was asked for, how far it is, what it found; and how it is cancelled and retried."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from adapters.postgres.jobs import job_files, jobs
from api.access.permissions import require
from api.bodies import Text
from api.dependencies import Asked, Caller, Database, Running
from api.jobs.commands import notify_job, start_job
from api.jobs.cursors import encode_place, parse_place
from api.jobs.views import JobPageView, JobView
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.access.principals import Principal, check_permission
from domain.errors import Conflict, NotFound
from domain.jobs.job_files import FileRole, JobFile
from domain.jobs.jobs import ID_MAX, PERMISSIONS, Job, JobKind, JobStatus
from services.jobs.job_files.read_chunks import read_chunks
from services.jobs.jobs.cancel_job import CancelJob
from services.jobs.jobs.cancel_job import cancel_job as cancel
from services.jobs.jobs.retry_job import RetryJob
from services.jobs.jobs.retry_job import retry_job as retry

router = APIRouter(prefix="/jobs", tags=["jobs"])
READ = [require(Permission.JOBS_READ)]
# And what it takes to ask for a job of that kind.
CANCEL = [require(Permission.JOBS_CANCEL)]
# As the runners of jobs name them.
MEDIA_TYPES = ("application/jsonl", "application/x-ndjson", "text/csv", "application/json")
JobId = Annotated[Text, Path(max_length=ID_MAX)]


@router.get("", dependencies=READ)
async def list_jobs(
    database: Database,
    status: JobStatus | None = None,
    kind: JobKind | None = None,
    cursor: Annotated[Text | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> JobPageView:
    """List jobs, the newest first; each is kept for 30 days after its end."""
    after = None if cursor is None else parse_place(cursor)
    kinds = None if kind is None else [kind]
    async with database.autocommit() as connection:
        found = await jobs.list_newest(connection, status, kinds, after, limit + 1)
    more = encode_place(found[limit - 1]) if len(found) > limit else None
    return JobPageView(items=[JobView.of(job) for job in found[:limit]], next_cursor=more)


@router.get("/{job_id}", dependencies=READ, responses=declare_problems(404))
async def get_job(job_id: JobId, database: Database) -> JobView:
    """Show a job: how far it is, what it found, and its files."""
    async with database.autocommit() as connection:
        job = await jobs.get(connection, job_id)
    return await _show(database, job)


@router.post("/{job_id}/cancel", dependencies=CANCEL, responses=declare_problems(404, 409))
async def cancel_job(job_id: JobId, engine: Running, asked: Asked, caller: Caller) -> JobView:
    """Cancel a job: a queued one at once, one that runs at its next step. What it did stays done."""
    return await _cancel(engine, job_id, asked, caller)


@router.delete("/{job_id}", dependencies=CANCEL, responses=declare_problems(404, 409))
async def delete_job(job_id: JobId, engine: Running, asked: Asked, caller: Caller) -> JobView:
    """The same as to cancel it: a job stays on record."""
    return await _cancel(engine, job_id, asked, caller)


async def _cancel(engine: Running, job_id: str, asked: Asked, caller: Principal) -> JobView:
    await _find_permitted(engine.database, job_id, caller)
    job = await cancel(engine.database, CancelJob(job_id, asked, datetime.now(UTC)))
    await notify_job(engine, job_id)
    return await _show(engine.database, job)


@router.post("/{job_id}/retry", dependencies=CANCEL, responses=declare_problems(404, 409))
async def retry_job(job_id: JobId, engine: Running, asked: Asked, caller: Caller) -> JobView:
    """Have a job that failed done again, from where it was."""
    await _find_permitted(engine.database, job_id, caller)
    job = await retry(engine.database, RetryJob(job_id, asked, datetime.now(UTC)))
    await start_job(engine, job)
    return await _show(engine.database, job)


@router.get(
    "/{job_id}/output",
    dependencies=READ,
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind: {} for kind in MEDIA_TYPES}, "description": "The file"},
        **declare_problems(404, 409),
    },
)
async def get_output(job_id: JobId, database: Database, caller: Caller) -> StreamingResponse:
    """Download the file that a job made, as it stands in the database, a piece at a time."""
    job = await _find_permitted(database, job_id, caller)
    file = await _find_output(database, job)
    assert file.size is not None
    assert file.sha256 is not None
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {
        "Content-Disposition": f'attachment; filename="{file.filename}"',
        "Content-Length": str(file.size),
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    chunks: AsyncIterator[bytes] = read_chunks(database, job_id, FileRole.OUTPUT)
    return StreamingResponse(chunks, headers=headers, media_type=file.content_type)


async def _find_output(database: Database, job: Job) -> JobFile:
    async with database.autocommit() as connection:
        found = await job_files.list_files(connection, job.id)
    if job.status is not JobStatus.DONE:
        raise Conflict(f"job {job.id!r} is {job.status}: its file is whole once it is done")
    for file in found:
        if file.role is FileRole.OUTPUT:
            return file
    raise NotFound(f"job {job.id!r} made no file")


async def _find_permitted(database: Database, job_id: str, caller: Principal) -> Job:
    """Return a job, to whoever may ask for one of its kind. Raises NotFound and Forbidden."""
    async with database.autocommit() as connection:
        job = await jobs.get(connection, job_id)
    check_permission(caller, PERMISSIONS[job.kind])
    return job


async def _show(database: Database, job: Job) -> JobView:
    async with database.autocommit() as connection:
        return JobView.of(job, await job_files.list_files(connection, job.id))
