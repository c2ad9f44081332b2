"""A worker runs jobs by their workflows: it shows how far they are, and stops, and goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from activities.jobs import jobs as job_activities
from activities.jobs.job_contexts import JobContext
from activities.jobs.jobs import JobActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from devstack.environment.stack import Stack
from domain.jobs.jobs import Job, JobKind, JobProgress, JobStatus
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.jobs.job_factory import BY, add_job, read_job
from tests.testkit.stacks import open_scratch_database
from worker.main import build
from worker.queues import QueueSpec
from workflows.jobs.jobs import JobWorkflow

Act = Callable[[JobContext], Awaitable[dict[str, Any]]]


class ScriptedRunner:
    """Does what a test says."""

    def __init__(self) -> None:
        self.act: Act | None = None

    async def run(self, context: JobContext) -> dict[str, Any]:
        assert self.act is not None
        return await self.act(context)


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture(scope="module")
def runner() -> ScriptedRunner:
    return ScriptedRunner()


@pytest.fixture(scope="module")
async def queue(scratch: Database, runner: ScriptedRunner, temporal: Client) -> AsyncIterator[str]:
    """A queue of its own, whose worker has this runner alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_activities, "BEAT_SECONDS", 0.05)
        patch.setattr(job_activities, "NOTIFY_SECONDS", 0.05)
        jobs = JobActivitiesImpl(scratch, {JobKind.RECOMPUTATION: runner})
        activities = [jobs.run_job, jobs.report_failure, jobs.request_cancel]
        name = make_unique_id("jobs")
        async with build(temporal, name, QueueSpec([JobWorkflow], activities)):
            yield name


async def start(temporal: Client, queue: str, job: Job) -> WorkflowHandle[Any, JobProgress]:
    return await temporal.start_workflow(
        JobWorkflow.run, job.order, id=job.workflow_id, task_queue=queue
    )


async def test_a_job_shows_its_progress_while_it_runs(
    scratch: Database, runner: ScriptedRunner, temporal: Client, queue: str
) -> None:
    seen = asyncio.Event()

    async def act(context: JobContext) -> dict[str, Any]:
        await context.save(3, 10, {"after": 3})
        await seen.wait()
        await context.save(10)
        return {"found": 10}

    runner.act = act
    job = await add_job(scratch)
    handle = await start(temporal, queue, job)

    async def shows() -> bool:
        return await handle.query(JobWorkflow.progress) == JobProgress(JobStatus.RUNNING, 3, 10)

    await wait_until(shows, "the workflow shows the progress")
    seen.set()
    assert await handle.result() == JobProgress(JobStatus.DONE, 10, 10)
    ended = await read_job(scratch, job.id)
    assert (ended.status, ended.result, ended.attempts) == (JobStatus.DONE, {"found": 10}, 1)


async def test_a_running_job_stops_when_it_is_cancelled(
    scratch: Database, runner: ScriptedRunner, temporal: Client, queue: str
) -> None:
    effects = list[int]()

    async def act(context: JobContext) -> dict[str, Any]:
        while True:
            await context.save(context.done + 1)
            effects.append(context.done)
            await asyncio.sleep(0.02)

    runner.act = act
    job = await add_job(scratch)
    handle = await start(temporal, queue, job)
    await wait_until(lambda: _is_longer(effects, 2), "it runs")
    await cancel_job(scratch, CancelJob(job.id, BY, datetime.now(UTC)))
    assert (await handle.result()).status is JobStatus.CANCELLED
    ended = await read_job(scratch, job.id)
    assert (ended.status, ended.done) == (JobStatus.CANCELLED, effects[-1])


async def _is_longer(effects: list[int], count: int) -> bool:
    return len(effects) > count


async def test_a_runner_that_works_long_hears_of_a_cancellation(
    scratch: Database, runner: ScriptedRunner, temporal: Client, queue: str
) -> None:
    begun = asyncio.Event()

    async def act(context: JobContext) -> dict[str, Any]:
        begun.set()
        while not context.is_cancelled:
            await asyncio.sleep(0.01)
        await context.save(1)
        raise AssertionError("a step was saved")

    runner.act = act
    job = await add_job(scratch)
    handle = await start(temporal, queue, job)
    await begun.wait()
    await cancel_job(scratch, CancelJob(job.id, BY, datetime.now(UTC)))
    assert (await handle.result()).status is JobStatus.CANCELLED
    assert (await read_job(scratch, job.id)).done == 0


async def test_a_defect_is_tried_again_from_the_checkpoint_and_is_not_shown(
    scratch: Database, runner: ScriptedRunner, temporal: Client, queue: str
) -> None:
    begins = list[Any]()

    async def act(context: JobContext) -> dict[str, Any]:
        begins.append(context.checkpoint)
        if len(begins) < 3:
            await context.save(context.done + 5, 10, {"after": context.done + 5})
            raise RuntimeError("password=hunter2 is wrong")
        return {}

    runner.act = act
    job = await add_job(scratch)
    handle = await start(temporal, queue, job)
    assert await handle.result() == JobProgress(JobStatus.DONE, 10, 10)
    assert begins == [None, {"after": 5}, {"after": 10}]
    ended = await read_job(scratch, job.id)
    assert (ended.attempts, ended.error) == (3, None)
    lines = str([entry.what for entry in await handle.query(JobWorkflow.timeline)])
    assert "Quote correlation_id asked-for-a-job" in lines
    assert "hunter2" not in lines


async def test_a_job_of_a_kind_that_the_worker_does_not_know_fails_with_a_sentence(
    scratch: Database, temporal: Client, queue: str
) -> None:
    job = await add_job(scratch, JobKind.REDELIVERY, {})
    handle = await start(temporal, queue, job)
    assert (await handle.result()).status is JobStatus.FAILED
    failed = await read_job(scratch, job.id)
    assert failed.error == ("this worker knows no job of the kind redelivery: run the newest build")


async def test_a_file_that_was_written_is_whole_when_the_job_is_done(
    scratch: Database, runner: ScriptedRunner, temporal: Client, queue: str
) -> None:
    async def act(context: JobContext) -> dict[str, Any]:
        await context.open_output("found.txt", "text/plain")
        context.write(b"one ")
        context.write(b"two ")
        await context.save(1)
        context.write(b"three")  # without a step of its own
        return {}

    runner.act = act
    job = await add_job(scratch)
    await (await start(temporal, queue, job)).result()
    async with scratch.autocommit() as connection:
        (file,) = await job_files.list_files(connection, job.id)
    assert (file.filename, file.size) == ("found.txt", 13)
