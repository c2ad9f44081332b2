"""`apexchainx jobs` on a real stack: listed, shown, cancelled, and waited for."""

import io
import json
from functools import partial

import httpx
import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from cli.jobs.progress_bars import ProgressBar, render_progress
from devstack.environment.stack import Stack
from domain.jobs.jobs import JobProgress, JobStatus
from tests.testkit.api_client import make_unique_id
from tests.testkit.jobs.job_factory import EVERY_OUTAGE, add_job
from tests.testkit.processes.commands import run_command
from workflows.jobs.jobs import JobWorkflow


@pytest.fixture
def nowhere() -> dict[str, str | None]:
    return EVERY_OUTAGE | {"site": make_unique_id("nowhere")}


async def test_a_job_is_waited_for_with_a_line_each_time_it_gets_on(
    stack: Stack, api: httpx.AsyncClient, nowhere: dict[str, str | None]
) -> None:
    job = (await api.post("/jobs/recomputations", json={"site": nowhere["site"]})).json()
    command = partial(run_command, "cli.main", "jobs")
    directory = ("--data-dir", str(stack.directory.path))
    ended = command("wait", job["id"], *directory)
    assert ended.returncode == 0, ended
    assert ended.stdout.startswith(f"Job {job['id']}: recomputation, done, 0 of 0 done")
    assert ended.stderr.splitlines()[-1] == "recomputation: done, 0 of 0 done"
    assert "\x1b" not in ended.stderr
    listed = command("list", "--kind", "recomputation", *directory)
    assert job["id"] in listed.stdout
    shown = json.loads(command("show", job["id"], "--json", *directory).stdout)
    assert (shown["status"], shown["files"][0]["size"]) == ("done", 0)


async def test_a_job_is_cancelled_and_then_waited_for_in_vain(
    stack: Stack, database: Database, nowhere: dict[str, str | None]
) -> None:
    job = await add_job(database, parameters=nowhere)
    command = partial(run_command, "cli.main", "jobs")
    directory = ("--data-dir", str(stack.directory.path))
    late = command("wait", job.id, "--within", "0.1", *directory)
    assert (late.returncode, "queued" in late.stdout) == (1, True)
    cancelled = command("cancel", job.id, *directory)
    assert (cancelled.returncode, "cancelled, 0 done" in cancelled.stdout) == (0, True)
    assert command("wait", job.id, *directory).returncode == 1
    missing = command("show", "job_none", *directory)
    assert (missing.returncode, missing.stderr) == (
        1,
        "apexchainx: job 'job_none' does not exist; jobs are kept for 30 days after their end\n",
    )
    assert command("show", *directory).returncode == 1


async def test_the_workflow_of_a_job_that_is_cancelled_is_signalled_at_once(
    stack: Stack, database: Database, temporal: Client, nowhere: dict[str, str | None]
) -> None:
    job = await add_job(database, parameters=nowhere)
    # Nobody serves this queue, so that the workflow is still there however the job ends.
    handle = await temporal.start_workflow(
        JobWorkflow.run, job.order, id=job.workflow_id, task_queue=make_unique_id("unserved")
    )
    try:
        directory = ("--data-dir", str(stack.directory.path))
        cancelled = run_command("cli.main", "jobs", "cancel", job.id, *directory)
        assert (cancelled.returncode, cancelled.stderr) == (0, "")
        signals = [
            event.workflow_execution_signaled_event_attributes.signal_name
            async for event in handle.fetch_history_events()
        ]
        assert "look_again" in signals
    finally:
        await handle.terminate()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_is_drawn_over() -> None:
    half = JobProgress(JobStatus.RUNNING, 50, 100)
    drawn = f"import [{'#' * 10}{'.' * 10}]  50 %, 50 of 100, running"
    for stream, begin in ((Terminal(), "\r\x1b[K"), (io.StringIO(), "")):
        bar = ProgressBar(stream)
        bar.show("import", half)
        bar.show("import", half)
        bar.close()
        assert stream.getvalue() == f"{begin}{drawn}\n"
    assert render_progress("import", JobProgress(JobStatus.RUNNING, 7, None)) == (
        "import: running, 7 done"
    )
