"""/console/jobs: long work and how far it is, shown anew by itself while some of it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access.permissions import require
from api.bodies import Text
from api.console.forms.outage_forms import ActionForm
from api.console.forms.submissions import FormRefusal, Sent, Submission, read_form
from api.console.pages import Done, render_page
from api.dependencies import Caller, Database, Engine, Running
from api.jobs.views import JobView
from api.routes.jobs import jobs
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.jobs.jobs import ENDED, ID_MAX, PERMISSIONS, JobKind, JobStatus

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
READ = [require(Permission.JOBS_READ)]
CANCEL = [require(Permission.JOBS_CANCEL)]
JobId = Annotated[Text, Path(max_length=ID_MAX)]
PATH, PAGE = "/console/jobs", 25
REFRESH_SECONDS = 5
# These change or compare something, and make no file.
_WITHOUT_FILES = {JobKind.REDELIVERY, JobKind.SNAPSHOT}


@dataclass(frozen=True, slots=True)
class JobRow:
    """`output` is where its file is, for whoever may have it."""

    job: JobView
    forms: list[ActionForm]
    output: str | None


@dataclass(frozen=True, slots=True)
class JobsFilter:
    status: JobStatus | None
    kind: JobKind | None
    cursor: str | None


async def get_filter(
    status: JobStatus | None = None,
    kind: JobKind | None = None,
    cursor: Annotated[Text | None, Query(max_length=300)] = None,
) -> JobsFilter:
    return JobsFilter(status, kind, cursor)


@router.get("/jobs", dependencies=READ)
async def show_jobs(
    request: Request,
    engine: Running,
    caller: Caller,
    wanted: Annotated[JobsFilter, Depends(get_filter)],
    done: Annotated[Done | None, Query()] = None,
) -> Response:
    """List jobs by the filters and the cursor of the API."""
    return await render_jobs(request, engine, caller, wanted, done=done)


async def render_jobs(
    request: Request,
    engine: Engine,
    caller: Principal,
    wanted: JobsFilter,
    *,
    refused: FormRefusal | None = None,
    done: Done | None = None,
) -> Response:
    found = await jobs.list_jobs(engine.database, wanted.status, wanted.kind, wanted.cursor, PAGE)
    rows = [make_row(job, caller) for job in found.items]
    runs = any(job.status not in ENDED for job in found.items)
    return render_page(
        *(request, caller, "jobs.html", refused, done),
        rows=rows,
        wanted=wanted,
        kinds=list(map(str, JobKind)),
        statuses=list(map(str, JobStatus)),
        next_cursor=found.next_cursor,
        refresh=REFRESH_SECONDS if runs else None,
    )


def make_row(job: JobView, caller: Principal) -> JobRow:
    permitted = caller.may(PERMISSIONS[job.kind])
    output = f"{PATH}/{job.id}/output" if permitted and _has_file(job) else None
    return JobRow(job, list(list_job_forms(job, caller)), output)


def _has_file(job: JobView) -> bool:
    return job.status is JobStatus.DONE and job.kind not in _WITHOUT_FILES


def list_job_forms(job: JobView, caller: Principal) -> Iterator[ActionForm]:
    if not (caller.may(Permission.JOBS_CANCEL) and caller.may(PERMISSIONS[job.kind])):
        return
    path, back = f"{PATH}/{job.id}", {"back": PATH}
    if job.status not in ENDED and job.cancel_requested_at is None:
        title = "Cancel it: what it did stays done"
        form = ActionForm(f"cancel-{job.id}", f"{path}/cancel", title, "Cancel the job", (), back)
        yield form
    if job.status is JobStatus.FAILED:
        title = "Try it again, from where it was"
        yield ActionForm(f"retry-{job.id}", f"{path}/retry", title, "Try again", (), back)


@router.get("/jobs/{job_id}/output", dependencies=READ)
async def get_output(job_id: JobId, database: Database, caller: Caller) -> Response:
    """Download the file that a job made."""
    return await jobs.get_output(job_id, database, caller)


async def show_refused(sent: Submission, refused: FormRefusal) -> Response:
    everything = JobsFilter(None, None, None)
    return await render_jobs(sent.request, sent.engine, sent.caller, everything, refused=refused)


@router.post("/jobs/{job_id}/cancel", dependencies=CANCEL)
async def cancel_job(job_id: JobId, sent: Sent) -> Response:
    async def act() -> None:
        await jobs.cancel_job(job_id, sent.engine, sent.asked, sent.caller)

    return await sent.carry_out(act, Done.CANCELLED_JOB, lambda why: show_refused(sent, why))


@router.post("/jobs/{job_id}/retry", dependencies=CANCEL)
async def retry_job(job_id: JobId, sent: Sent) -> Response:
    async def act() -> None:
        await jobs.retry_job(job_id, sent.engine, sent.asked, sent.caller)

    return await sent.carry_out(act, Done.RETRIED, lambda why: show_refused(sent, why))
