"""
One inspection of the whole journal, begun by a schedule every minute.

    look at every promise -> tell of what is new

A run is short and remembers nothing: what was found is in the database.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult

with workflow.unsafe.imports_passed_through():
    from workflows.webhooks import start_deliveries

# A book of fifty million postings is read in as much.
INTEGRITY_CHECK_TIMEOUT = timedelta(minutes=9)


class IntegrityCheckActivities(ABC):
    """What an integrity check asks of the outside world; activities/integrity-checks.py does it."""

    @activity.defn
    @abstractmethod
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        """Look at every invariant of the journal, write down every violation, and stop if one is broken."""


@workflow.defn
class IntegrityCheckWorkflow:
    @workflow.run
    async def run(self) -> CheckIntegrityResult:
        # A database that is away is asked again by the next run.
        made = await workflow.execute_activity_method(
            IntegrityCheckActivities.check_integrity,
            CheckIntegrityInput(workflow.now()),
            start_to_close_timeout=INTEGRITY_CHECK_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=2),
            summary="look at every invariant of the journal",
        )
        await start_deliveries(list(made.deliveries))
        return made
