"""A fake of the activities of a job: attempts fail as the test has lined up."""

from temporalio import activity

from domain.errors import Conflict
from domain.jobs.jobs import (
    FAILURES_MAX,
    CancelJobInput,
    JobProgress,
    JobStatus,
    ReportFailureInput,
    ReportFailureResult,
    RunJobInput,
)
from workflows.jobs.jobs import JobActivities

ORDER = RunJobInput("job_one", "recomputation", "asked-for-a-job")


class FakeJobActivities(JobActivities):
    """A job of ten steps; `errors` are those of its first attempts, one each."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.runs = 0
        self.reported: list[ReportFailureInput] = []
        self.cancelled_by: list[str] = []

    @activity.defn
    async def run_job(self, order: RunJobInput) -> JobProgress:
        self.runs += 1
        if self.cancelled_by:
            return JobProgress(JobStatus.CANCELLED, 3, 10)
        if self.errors:
            raise self.errors.pop(0)
        return JobProgress(JobStatus.DONE, 10, 10)

    @activity.defn
    async def report_failure(self, failure: ReportFailureInput) -> ReportFailureResult:
        self.reported.append(failure)
        failures = len(self.reported)
        ended = failure.final or failures >= FAILURES_MAX
        status = JobStatus.FAILED if ended else JobStatus.RUNNING
        return ReportFailureResult(JobProgress(status, 3, 10), failures)

    @activity.defn
    async def request_cancel(self, wanted: CancelJobInput) -> JobProgress:
        if wanted.job_id != ORDER.job_id:
            raise Conflict("there is nothing left to cancel")
        self.cancelled_by.append(wanted.request.actor)
        return JobProgress(JobStatus.RUNNING, 3, 10)
