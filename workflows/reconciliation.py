"""
One comparison of journal and chain, begun by a schedule every few seconds.

    read what the chain has added -> join it with the journal, both ways -> tell of what is new

A run is short and remembers nothing: what was read, and what was found, is in the database.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.accounting.reconciliation import Comparison, ReconciliationRun

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import run_activity
    from workflows.webhooks import start_deliveries

READ_TIMEOUT = timedelta(minutes=2)
# The whole journal, however large: what a run takes grows with it.
COMPARE_LIMIT = timedelta(minutes=5)


class ReconciliationActivities(ABC):
    """What a comparison asks of the outside world; activities/accounting/reconciliation.py does it."""

    @activity.defn
    @abstractmethod
    async def read_chain(self, run: ReconciliationRun) -> int:
        """Read on from where the last run stopped; answer the ledger read in full, 0 if none."""

    @activity.defn
    @abstractmethod
    async def compare_journal(self, run: ReconciliationRun) -> Comparison:
        """Join journal and chain as far as the chain was read, and write down every break."""


@workflow.defn
class ReconciliationWorkflow:
    @workflow.run
    async def run(self) -> Comparison:
        run = ReconciliationRun(workflow.now())
        # A node that is down hides nothing in the journal: that much is compared all the same.
        with suppress(ActivityError):
            await workflow.execute_activity_method(
                ReconciliationActivities.read_chain,
                run,
                start_to_close_timeout=READ_TIMEOUT,
                retry_policy=RetryPolicy(maximum_attempts=2),
                summary="read what the chain has added",
            )
        found = await run_activity(ReconciliationActivities.compare_journal, run, COMPARE_LIMIT)
        await start_deliveries(found.deliveries)
        return found
