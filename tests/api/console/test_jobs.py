"""Jobs are shown with how far they are, anew by themselves while they run, and cancelled by who may."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from adapters.postgres.database import Database
from api.console.jobs import make_row
from api.jobs.views import JobView
from domain.access.permissions import Role
from domain.access.principals import Principal
from domain.jobs.jobs import Job, JobKind, JobStatus
from domain.requests import Request
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job
from tests.api.console.conftest import OpenPages
from tests.testkit.api_client import wait_until

ASKED = Request("tests", "corr-jobs")


@pytest.fixture
async def waiting(database: Database) -> AsyncIterator[Job]:
    """A job that nobody has begun: what would start it does not run in this stack."""
    wanted = {"site": "<b>Tower</b>"}
    command = RecordJob(
        make_job_id(), JobKind.RECOMPUTATION, wanted, ASKED, datetime.now(UTC), total=40
    )
    job = await record_job(database, command)
    yield job
    await cancel_job(database, CancelJob(job.id, ASKED, datetime.now(UTC)))


@pytest.mark.parametrize(
    ("kind", "has_file"),
    [(JobKind.IMPORT, True), (JobKind.SNAPSHOT, False), (JobKind.REDELIVERY, False)],
)
def test_a_file_is_offered_only_of_what_makes_one(kind: JobKind, has_file: bool) -> None:
    view = JobView.model_construct(
        id="job_1", kind=kind, status=JobStatus.DONE, cancel_requested_at=None
    )
    admin = Principal("ada", Role.ADMIN)
    assert bool(make_row(view, admin).output) is has_file


async def test_a_page_is_shown_anew_only_while_something_runs(
    pages: OpenPages, waiting: Job
) -> None:
    viewer = await pages(Role.VIEWER, "/console/jobs?status=queued")
    assert viewer.page.refresh == "5"
    assert waiting.id in viewer.text
    assert "0 of 40 done" in viewer.page.words
    assert "<b>" not in viewer.text
    assert viewer.page.list_actions() == set()
    await viewer.open("/console/jobs?status=done")
    assert viewer.page.refresh == ""


async def test_who_may_ask_for_a_job_cancels_it(pages: OpenPages, waiting: Job) -> None:
    finance = await pages(Role.FINANCE, "/console/jobs")
    assert f"{waiting.id}/cancel" not in finance.text
    operator = await pages(Role.OPERATOR, "/console/jobs")
    page = await operator.submit(f"{waiting.id}/cancel")
    assert page.done.startswith("The job is cancelled")
    csrf = page.find_form("/logout").fields["csrf_token"]
    said = {"csrf_token": csrf, "back": "/console/jobs"}
    path = f"/console/jobs/{waiting.id}"
    again = await operator.client.post(f"{path}/retry", data=said)
    assert again.status_code == 409
    csrf = finance.page.find_form("/logout").fields["csrf_token"]
    refused = await finance.client.post(f"{path}/cancel", data={"csrf_token": csrf})
    assert refused.status_code == 403


async def test_the_file_of_a_job_is_downloaded(pages: OpenPages, api: httpx.AsyncClient) -> None:
    asked = await api.post("/jobs/recomputations", json={"site": "there is no such site"})
    assert asked.status_code == 202, asked.text
    job_id = asked.json()["id"]

    async def look() -> bool | None:
        return (await api.get(f"/jobs/{job_id}")).json()["status"] == "done" or None

    await wait_until(look, "the job is done")
    operator = await pages(Role.OPERATOR, "/console/jobs")
    (link,) = [each for each in operator.page.links if job_id in each]
    answer = await operator.client.get(link)
    assert answer.status_code == 200
    assert answer.content == (await api.get(f"/jobs/{job_id}/output")).content
    assert answer.headers["content-disposition"].startswith("attachment")
    viewer = await pages(Role.VIEWER, "/console/jobs")
    assert [each for each in viewer.page.links if job_id in each] == []
