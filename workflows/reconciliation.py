"""
One comparison of book and chain, begun by a schedule every few seconds.

    read what the chain has added -> join it with the book, both ways -> tell of what is new

A run is short and remembers nothing: what was read, and what was found, is in the database.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.reconciliation import Comparison, Run

with workflow.unsafe.imports_passed_through():
    from workflows.steps import step
    from workflows.webhooks import start_deliveries

READ_TIMEOUT = timedelta(minutes=2)
# The whole book, however large: what a run takes grows with it.
COMPARE_LIMIT = timedelta(minutes=5)


class ReconciliationSteps(ABC):
    """What a comparison asks of the outside world; activities/reconciliation.py does it."""

    @activity.defn
    @abstractmethod
    async def read_chain(self, run: Run) -> int:
        """Read on from where the last run stopped; answer the ledger read in full, 0 if none."""

    @activity.defn
    @abstractmethod
    async def compare_books(self, run: Run) -> Comparison:
        """Join book and chain as far as the chain was read, and write down every break."""


@workflow.defn
class ReconciliationWorkflow:
    @workflow.run
    async def run(self) -> Comparison:
        run = Run(workflow.now())
        # A node that is down hides nothing in the book: that much is compared all the same.
        with suppress(ActivityError):
            await workflow.execute_activity_method(
                ReconciliationSteps.read_chain,
                run,
                start_to_close_timeout=READ_TIMEOUT,
                retry_policy=RetryPolicy(maximum_attempts=2),
                summary="read what the chain has added",
            )
        found = await step(ReconciliationSteps.compare_books, run, COMPARE_LIMIT)
        await start_deliveries(found.deliveries)
        return found
