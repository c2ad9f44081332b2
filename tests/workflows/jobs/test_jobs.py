"""The workflow of a job: patient with what is down, not with what is refused, and not for ever."""

from functools import partial
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict, Invalid, TryAgain
from domain.jobs.jobs import FAILURES_MAX, JobProgress, JobStatus, RunJobInput
from tests.workflows.conftest import FakeActivities, until
from tests.workflows.fakes.fake_job_activities import ORDER
from workflows.jobs.jobs import JobWorkflow

DOWN = "the database does not answer; repeat the request"


async def begin(
    environment: WorkflowEnvironment, name: str, order: RunJobInput = ORDER
) -> WorkflowHandle[Any, Any]:
    return await environment.client.start_workflow(
        JobWorkflow.run, order, id=f"job/{name}", task_queue="analytics"
    )


async def read_details(handle: WorkflowHandle[Any, Any]) -> str:
    described: Any = await handle.query("__temporal_workflow_metadata")
    return str(described.current_details)


async def test_a_job_is_run_once_and_says_how_it_ended(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await begin(environment, "once")
    assert await handle.result() == JobProgress(JobStatus.DONE, 10, 10)
    assert (fakes.jobs.runs, fakes.jobs.reported) == (1, [])
    assert await handle.query(JobWorkflow.progress) == JobProgress(JobStatus.DONE, 10, 10)
    assert await read_details(handle) == "recomputation: done, 10 of 10 done"


async def test_what_may_pass_is_tried_again_after_ever_longer_pauses(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.jobs.errors = [TryAgain(DOWN)] * 3
    handle = await begin(environment, "again")
    assert (await handle.result()).status is JobStatus.DONE
    assert fakes.jobs.runs == 4
    assert [(each.error, each.final) for each in fakes.jobs.reported] == [(DOWN, False)] * 3
    entries = await handle.query(JobWorkflow.timeline)
    assert (entries[-1].at - entries[0].at).total_seconds() >= 1 + 2 + 4
    lines = [entry.what for entry in entries]
    assert [line.rpartition("; ")[2] for line in lines if "again" in line] == [
        *("trying again in 1 seconds", "trying again in 2 seconds", "trying again in 4 seconds")
    ]


async def test_a_job_that_never_gets_on_fails_in_the_end(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.jobs.errors = [TryAgain(DOWN)] * 100
    handle = await begin(environment, "never")
    assert (await handle.result()).status is JobStatus.FAILED
    assert fakes.jobs.runs == FAILURES_MAX
    assert await read_details(handle) == f"recomputation: failed, 3 of 10 done; {DOWN}"


async def test_what_is_refused_is_not_tried_again(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    for name, error in (
        ("conflict", Conflict("it is not active")),
        ("invalid", Invalid("since", "must be an instant")),
    ):
        fakes.jobs.errors = [error]
        runs = fakes.jobs.runs
        handle = await begin(environment, name)
        assert (await handle.result()).status is JobStatus.FAILED
        assert fakes.jobs.runs == runs + 1
        assert (fakes.jobs.reported[-1].error, fakes.jobs.reported[-1].final) == (str(error), True)


async def test_a_job_that_waits_to_be_tried_again_is_cancelled_at_once(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    for how in ("signal", "workflow"):
        fakes.jobs.errors, fakes.jobs.cancelled_by = [TryAgain(DOWN)], []
        with environment.with_time_skipping_disabled():
            handle = await begin(environment, f"cancelled-by-{how}")
            await until(partial(read_details, handle), lambda said: "trying again" in said)
            if how == "signal":
                fakes.jobs.cancelled_by = ["somebody"]
                await handle.signal(JobWorkflow.look_again)
            else:
                await handle.cancel()
            assert (await handle.result()).status is JobStatus.CANCELLED
    # Whoever cancels a workflow in the Web UI has not proven who they are.
    assert fakes.jobs.cancelled_by == ["unverified:operator"]


async def test_the_progress_of_a_job_is_shown_while_it_runs(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.jobs.errors = [TryAgain(DOWN)]
    with environment.with_time_skipping_disabled():
        handle = await begin(environment, "shown")
        await handle.signal(JobWorkflow.note_progress, JobProgress(JobStatus.RUNNING, 7, None))
        shown = await handle.query(JobWorkflow.progress)
        assert shown == JobProgress(JobStatus.RUNNING, 7, None)
    await handle.result()
