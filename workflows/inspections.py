"""
One inspection of the whole book, begun by a schedule every minute.

    look at every promise -> tell of what is new

A run is short and remembers nothing: what was found is in the database.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from domain.inspections import Inspection, Order

with workflow.unsafe.imports_passed_through():
    from workflows.webhooks import start_deliveries

# A book of fifty million postings is read in as much.
INSPECT_TIMEOUT = timedelta(minutes=9)


class InspectionSteps(ABC):
    """What an inspection asks of the outside world; activities/inspections.py does it."""

    @activity.defn
    @abstractmethod
    async def inspect_book(self, order: Order) -> Inspection:
        """Look at every promise of the book, write down every finding, and stop if one is broken."""


@workflow.defn
class InspectionWorkflow:
    @workflow.run
    async def run(self) -> Inspection:
        # A database that is away is asked again by the next run.
        made = await workflow.execute_activity_method(
            InspectionSteps.inspect_book,
            Order(workflow.now()),
            start_to_close_timeout=INSPECT_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=2),
            summary="look at every promise of the book",
        )
        await start_deliveries(list(made.deliveries))
        return made
