"""Run a job: its runner does the work, while the workflow server hears that this process lives."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.service import RPCError

from activities.jobs.job_contexts import JobContext
from activities.jobs.runners import JobRunner
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.errors import ApexError, Stop, TryAgain
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import (
    ENDED,
    CancelJobInput,
    Job,
    JobKind,
    JobProgress,
    JobStopped,
    ReportFailureInput,
    ReportFailureResult,
    RunJobInput,
)
from services.jobs.job_files.read_chunks import read_digest
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from services.jobs.jobs.end_job import EndJob, end_job
from services.jobs.jobs.report_failure import report_failure
from services.jobs.jobs.stop_job import stop_job
from workflows.jobs.jobs import JobActivities, JobWorkflow

log = logging.getLogger(__name__)
# Others are queued meanwhile: the checks of the journal are served by the same process.
JOBS_AT_ONCE = 4
BEAT_SECONDS = 2.0
# The workflow is notified of progress so often at first, and ever more rarely: each time adds to its history.
NOTIFY_SECONDS = 2.0
NOTIFY_RARELY = 25
RPC_TIMEOUT = timedelta(seconds=5)


class JobActivitiesImpl(JobActivities):
    def __init__(self, database: Database, runners: Mapping[JobKind, JobRunner]) -> None:
        self.database = database
        self.runners = runners
        self.turns = asyncio.Semaphore(JOBS_AT_ONCE)

    @activity.defn
    async def run_job(self, order: RunJobInput) -> JobProgress:
        async with _beat(self.database, order.job_id) as contexts, self.turns:
            job = await begin_job(self.database, order.job_id, datetime.now(UTC))
            if job.status in ENDED:
                return job.progress
            context = JobContext(self.database, job)
            contexts.append(context)
            try:
                return (await self._run(context)).progress
            except JobStopped:
                return await self._stop(order.job_id)

    async def _run(self, context: JobContext) -> Job:
        job = context.job
        runner = self.runners.get(job.kind)
        if runner is None:
            raise Stop(f"this worker knows no job of the kind {job.kind}: run the newest build")
        try:
            result = await runner.run(context)
        except (ApexError, JobStopped):
            raise
        except Exception as error:
            # What a driver or a library says may hold what nobody is to read: it is in the log, redacted.
            log.exception("an attempt of job %s failed", job.id)
            raise TryAgain(
                f"Internal error. Quote correlation_id {job.correlation_id}; details are in the log "
                "of the analytics worker"
            ) from error
        if not context.is_saved:
            await context.save(context.done)
        step, size, digest = context.make_step(context.done), None, None
        if context.has_output:
            size, digest = await read_digest(self.database, job.id, FileRole.OUTPUT)
        return await end_job(self.database, EndJob(step, result, datetime.now(UTC), size, digest))

    async def _stop(self, job_id: str) -> JobProgress:
        job = await stop_job(self.database, job_id, datetime.now(UTC))
        if job.status not in ENDED:
            raise TryAgain("another attempt of this job has begun meanwhile")
        return job.progress

    @activity.defn
    async def report_failure(self, failure: ReportFailureInput) -> ReportFailureResult:
        job = await report_failure(self.database, failure, datetime.now(UTC))
        return ReportFailureResult(job.progress, job.failures)

    @activity.defn
    async def request_cancel(self, wanted: CancelJobInput) -> JobProgress:
        command = CancelJob(wanted.job_id, wanted.request, datetime.now(UTC))
        with suppress(ApexError):
            return (await cancel_job(self.database, command)).progress
        async with self.database.autocommit() as connection:
            return (await jobs.get(connection, wanted.job_id)).progress


@asynccontextmanager
async def _beat(database: Database, job_id: str) -> AsyncIterator[list[JobContext]]:
    """Beat while the block runs; whoever adds the context there hears of a cancellation, and its progress is notified."""
    contexts: list[JobContext] = []
    beating = asyncio.create_task(_keep_beating(database, job_id, contexts))
    try:
        yield contexts
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _keep_beating(database: Database, job_id: str, contexts: list[JobContext]) -> None:
    began = notified_at = time.monotonic()
    notified: JobProgress | None = None
    while True:
        activity.heartbeat()
        for context in contexts:
            with suppress(ApexError):
                async with database.autocommit() as connection:
                    context.is_cancelled = await jobs.is_cancel_requested(connection, job_id)
            now = time.monotonic()
            pause = max(NOTIFY_SECONDS, (now - began) / NOTIFY_RARELY)
            if context.progress != notified and (notified is None or now - notified_at >= pause):
                notified, notified_at = context.progress, now
                await _notify_workflow(context.progress)
        await asyncio.sleep(BEAT_SECONDS)


async def _notify_workflow(progress: JobProgress) -> None:
    """Let the workflow show how far the job is; a server that is away is no reason to stop."""
    workflow_id = activity.info().workflow_id
    assert workflow_id is not None
    handle = activity.client().get_workflow_handle(workflow_id)
    try:
        await handle.signal(JobWorkflow.note_progress, progress, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        log.info("the workflow was not notified of its progress: %s", error)
