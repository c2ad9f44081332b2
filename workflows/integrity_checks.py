"""
Integrity checks of the whole journal, every minute.

    check every invariant -> notify of the violations that are new

The workflow keeps nothing: the violations are in the database.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult

with workflow.unsafe.imports_passed_through():
    from workflows.accounting.scheduled_workflows import ScheduledWorkflowBase

# A journal of fifty million postings is read in this time.
INTEGRITY_CHECK_TIMEOUT = timedelta(minutes=9)


class IntegrityCheckActivities(ABC):
    """The activities of an integrity check; implemented by activities/accounting/integrity_checks.py."""

    @activity.defn
    @abstractmethod
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        """Check every invariant, record each violation, and stop settlement if one is violated."""


@workflow.defn
class IntegrityCheckWorkflow(ScheduledWorkflowBase):
    @workflow.init
    def __init__(self, every_seconds: int) -> None:
        super().__init__(every_seconds)

    @workflow.run
    async def run(self, every_seconds: int) -> None:
        await self.outlast_cancellation(self.repeat(self.check))

    async def check(self) -> None:
        # When the database is down, it is tried again the next time.
        await workflow.execute_activity_method(
            IntegrityCheckActivities.check_integrity,
            CheckIntegrityInput(workflow.now()),
            start_to_close_timeout=INTEGRITY_CHECK_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=2),
            summary="check every invariant of the journal",
        )
