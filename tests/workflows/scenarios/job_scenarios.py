"""Scenes of jobs: one that is done at once, one that is tried again, and those that end otherwise."""

from domain.errors import Conflict, TryAgain
from domain.jobs.jobs import JobProgress, JobStatus
from tests.workflows.fakes.fake_job_activities import ORDER
from tests.workflows.fakes.time_skipping_server import Handle, Kept, Stage, keeps
from workflows.jobs.jobs import JobWorkflow

DOWN = "the database does not answer; repeat the request"


async def begin(stage: Stage, name: str) -> Handle:
    return await stage.begin(JobWorkflow.run, ORDER, f"job/{name}", queue="analytics")


@keeps("job-retried")
async def retry_job(stage: Stage) -> Kept:
    """The database is down twice; meanwhile the runner has said how far it was."""
    stage.activities.jobs.errors = [TryAgain(DOWN), TryAgain(DOWN)]
    with stage.environment.with_time_skipping_disabled():
        handle = await begin(stage, "retried")
        progress = JobProgress(JobStatus.RUNNING, 3, 10)
        await handle.signal(JobWorkflow.note_progress, progress)
    await handle.result()
    return {"job-retried": handle}


@keeps("job-refused")
async def refuse_job(stage: Stage) -> Kept:
    """What is asked for cannot be done."""
    stage.activities.jobs.errors = [Conflict("webhook 'one' is not active: activate it first")]
    handle = await begin(stage, "refused")
    await handle.result()
    return {"job-refused": handle}


@keeps("job-cancelled", "job-workflow-cancelled")
async def cancel_job(stage: Stage) -> Kept:
    """A job is cancelled by its route, and another in the Web UI, while they wait to be tried again."""
    kept: Kept = {}
    for name in ("job-cancelled", "job-workflow-cancelled"):
        stage.activities.jobs.errors = [TryAgain(DOWN)]
        stage.activities.jobs.cancelled_by = []
        with stage.environment.with_time_skipping_disabled():
            handle = await begin(stage, name)
            async with stage.waiting(handle, "trying again in"):
                if name == "job-cancelled":
                    stage.activities.jobs.cancelled_by = ["somebody"]
                    await handle.signal(JobWorkflow.look_again)
                else:
                    await handle.cancel()
            await handle.result()
        kept[name] = handle
    return kept


SCENES = [retry_job, refuse_job, cancel_job]
