"""
One integrity check of the whole journal, started by a schedule every minute.

    check every invariant -> notify of the violations that are new

A run is short and keeps nothing: the violations are in the database.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult

# A journal of fifty million postings is read in this time.
INTEGRITY_CHECK_TIMEOUT = timedelta(minutes=9)


class IntegrityCheckActivities(ABC):
    """The activities of an integrity check; implemented by activities/accounting/integrity_checks.py."""

    @activity.defn
    @abstractmethod
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        """Check every invariant, record each violation, and stop settlement if one is violated."""


@workflow.defn
class IntegrityCheckWorkflow:
    @workflow.run
    async def run(self) -> CheckIntegrityResult:
        # When the database is down, the next run tries again.
        return await workflow.execute_activity_method(
            IntegrityCheckActivities.check_integrity,
            CheckIntegrityInput(workflow.now()),
            start_to_close_timeout=INTEGRITY_CHECK_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=2),
            summary="check every invariant of the journal",
        )
