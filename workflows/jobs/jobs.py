"""
The workflow of a job: run it, and run it again where it was while that may help.

    run -> done | cancelled
        -> failed: pause, longer each time, and run again -> failed for good

What was done until when is in the database: an attempt begins at the checkpoint of the one before.
"""

import textwrap
from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TimedOut

from domain.jobs.jobs import (
    ENDED,
    CancelJobInput,
    JobProgress,
    JobStatus,
    ReportFailureInput,
    ReportFailureResult,
    RunJobInput,
)
from domain.requests import make_unverified_request

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import (
        REASON_MAX,
        WorkflowBase,
        exponential_backoff,
        humanize,
        run_activity,
    )

# A job that takes longer begins another attempt, where it is then.
ATTEMPT_TIMEOUT = timedelta(days=7)
# A worker that is silent for so long is dead.
HEARTBEAT_TIMEOUT = timedelta(seconds=20)
PAUSE_MIN, PAUSE_MAX = timedelta(seconds=1), timedelta(minutes=5)


class JobActivities(ABC):
    """The activities of a job; implemented by activities/jobs/jobs.py."""

    @activity.defn
    @abstractmethod
    async def run_job(self, order: RunJobInput) -> JobProgress:
        """Do the work of a job from its checkpoint on, to its end."""

    @activity.defn
    @abstractmethod
    async def report_failure(self, failure: ReportFailureInput) -> ReportFailureResult:
        """Record that an attempt came to nothing, and return whether the job has failed by that."""

    @activity.defn
    @abstractmethod
    async def request_cancel(self, wanted: CancelJobInput) -> JobProgress:
        """Have the job cancelled, as its route does."""


@workflow.defn
class JobWorkflow(WorkflowBase):
    @workflow.init
    def __init__(self, order: RunJobInput) -> None:
        super().__init__(order)
        self.order = order
        self.shown = JobProgress(JobStatus.QUEUED, 0, None)
        self.cancelled = False

    @workflow.run
    async def run(self, order: RunJobInput) -> JobProgress:
        self.note(f"{order.kind}: queued")
        return await self.outlast_cancellation(self._work())

    async def _work(self) -> JobProgress:
        while True:
            try:
                return self._show(await self._run_once())
            except ActivityError as error:
                failed = ReportFailureInput(self.order.job_id, *_describe_failure(error))
            standing = await run_activity(JobActivities.report_failure, failed)
            if standing.progress.status in ENDED:
                return self._show(standing.progress, failed.error)
            pause = exponential_backoff(PAUSE_MIN, standing.failures - 1, PAUSE_MAX)
            self.note(f"{failed.error}; trying again in {humanize(pause)}")
            due = workflow.now() + pause
            await self.wait_until(due, lambda: self.cancelled, "until the job is tried again")
            self.cancelled = False

    async def _run_once(self) -> JobProgress:
        return await workflow.execute_activity_method(
            JobActivities.run_job,
            self.order,
            start_to_close_timeout=ATTEMPT_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            # What failed is recorded before it is tried again.
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=f"run the {self.order.kind}",
        )

    def _show(self, progress: JobProgress, error: str = "") -> JobProgress:
        self.shown = progress
        self.note(f"{self.order.kind}: {progress}" + (f"; {error}" if error else ""))
        return progress

    async def answer_cancellation(self) -> None:
        """Take a request to cancel the workflow for one to cancel the job."""
        self.note_ignored("asked to cancel: the job ends at its next step")
        request = make_unverified_request("operator", self.order.correlation_id)
        wanted = CancelJobInput(self.order.job_id, request)
        await run_activity(JobActivities.request_cancel, wanted)
        self.cancelled = True

    @workflow.query(description="How far the job is, as its runner last said")
    def progress(self) -> JobProgress:
        return self.shown

    @workflow.signal(description="How far the job is; sent by its runner now and then")
    def note_progress(self, progress: JobProgress) -> None:
        self.shown = progress
        workflow.set_current_details(f"{self.order.kind}: {progress}")

    @workflow.signal(description="Somebody has cancelled the job: wait for nothing")
    def look_again(self) -> None:
        self.cancelled = True


def _describe_failure(error: ActivityError) -> tuple[str, bool]:
    """Return why an attempt came to nothing, and whether trying again could not help."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return textwrap.shorten(cause.message, REASON_MAX), cause.non_retryable
    if isinstance(cause, TimedOut):
        return "the worker gave no sign of life: it ended, or the job took too long", False
    return textwrap.shorten(str(cause or error), REASON_MAX), False
