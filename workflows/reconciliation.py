"""
Reconciliation of journal and chain, every few seconds.

    read what the chain has added -> join it with the journal, both ways -> notify of new breaks

The workflow keeps nothing: what was read, and each break, is in the database.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.accounting.reconciliation import Comparison, ReconciliationRun

with workflow.unsafe.imports_passed_through():
    from workflows.accounting.scheduled_workflows import ScheduledWorkflowBase
    from workflows.runtime import run_activity

READ_TIMEOUT = timedelta(minutes=2)
# The whole journal is compared: the time this takes grows with it.
COMPARE_LIMIT = timedelta(minutes=5)


class ReconciliationActivities(ABC):
    """The activities of a reconciliation; implemented by activities/accounting/reconciliation.py."""

    @activity.defn
    @abstractmethod
    async def read_chain(self, run: ReconciliationRun) -> int:
        """Read on from where the last run stopped; return the last ledger read in full, 0 if none."""

    @activity.defn
    @abstractmethod
    async def compare_journal(self, run: ReconciliationRun) -> Comparison:
        """Join journal and chain as far as the chain was read, and record every break."""


@workflow.defn
class ReconciliationWorkflow(ScheduledWorkflowBase):
    @workflow.init
    def __init__(self, every_seconds: int) -> None:
        super().__init__(every_seconds)

    @workflow.run
    async def run(self, every_seconds: int) -> None:
        await self.outlast_cancellation(self.repeat(self.reconcile))

    async def reconcile(self) -> None:
        run = ReconciliationRun(workflow.now())
        # While no node answers, the journal is compared with what was read of the chain before.
        with suppress(ActivityError):
            await workflow.execute_activity_method(
                ReconciliationActivities.read_chain,
                run,
                start_to_close_timeout=READ_TIMEOUT,
                retry_policy=RetryPolicy(maximum_attempts=2),
                summary="read what the chain has added",
            )
        await run_activity(ReconciliationActivities.compare_journal, run, COMPARE_LIMIT)
