"""How the facade speaks to the workflows of jobs, once what it says is on record."""

import logging
from functools import partial

from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from adapters.postgres import unit_of_work
from api.dependencies import ANSWER_WITHIN, Engine
from domain.jobs.jobs import Job, name_workflow
from workflows.jobs.jobs import JobWorkflow

log = logging.getLogger(__name__)


async def start_job(engine: Engine, job: Job) -> None:
    """Start the workflow of a job that is on record; the relay starts what this does not reach."""
    await unit_of_work.call_after_commit(partial(_start, engine, job))


async def notify_job(engine: Engine, job_id: str) -> None:
    """Have the workflow of a job look whether it was cancelled; without this it does so at its next step."""
    await unit_of_work.call_after_commit(partial(_notify, engine, job_id))


async def _start(engine: Engine, job: Job) -> None:
    try:
        await engine.temporal.start_workflow(
            JobWorkflow.run,
            job.order,
            id=job.workflow_id,
            task_queue="analytics",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=job.summary[:200],
            rpc_timeout=ANSWER_WITHIN,
        )
    except (RPCError, RuntimeError) as error:
        log.warning("job %s is started by the relay later: %s", job.id, error)


async def _notify(engine: Engine, job_id: str) -> None:
    handle = engine.temporal.get_workflow_handle(name_workflow(job_id))
    try:
        await handle.signal(JobWorkflow.look_again, rpc_timeout=ANSWER_WITHIN)
    except (RPCError, RuntimeError) as error:
        log.info("job %s was not notified: %s", job_id, error)
