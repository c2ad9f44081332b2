"""How the facade speaks to the workflows of jobs, once what it says is on record."""

import logging
from functools import partial

from temporalio.service import RPCError

from adapters.postgres import unit_of_work
from api.dependencies import Engine
from domain.jobs.jobs import Job
from workflows.jobs import job_starts

log = logging.getLogger(__name__)


async def start_job(engine: Engine, job: Job) -> None:
    """Start the workflow of a job that is on record; the relay starts what this does not reach."""
    await unit_of_work.call_after_commit(partial(_start, engine, job))


async def notify_job(engine: Engine, job_id: str) -> None:
    """Have the workflow of a job look whether it was cancelled; without this it does so at its next step."""
    await unit_of_work.call_after_commit(partial(_notify, engine, job_id))


async def _start(engine: Engine, job: Job) -> None:
    try:
        await job_starts.start_job(engine.temporal, job)
    except (RPCError, RuntimeError) as error:
        log.warning("job %s is started by the relay later: %s", job.id, error)


async def _notify(engine: Engine, job_id: str) -> None:
    try:
        await job_starts.notify_cancelled(engine.temporal, job_id)
    except (RPCError, RuntimeError) as error:
        log.info("job %s was not notified: %s", job_id, error)
