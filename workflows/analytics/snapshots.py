"""
Snapshots of the analytics, once a day.

    have a job write down what every agreement comes to

The workflow keeps nothing: the jobs and their snapshots are in the database.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from domain.analytics.snapshots import TakeSnapshotInput, TakeSnapshotResult

with workflow.unsafe.imports_passed_through():
    from workflows.accounting.scheduled_workflows import ScheduledWorkflowBase

TAKE_TIMEOUT = timedelta(minutes=1)
# A database that is down is asked for so long; then the next snapshot is the next one.
TAKE_FOR = timedelta(hours=1)


class SnapshotActivities(ABC):
    """The activities of snapshots; implemented by activities/analytics/snapshots.py."""

    @activity.defn
    @abstractmethod
    async def take_snapshot(self, order: TakeSnapshotInput) -> TakeSnapshotResult:
        """Have a job write down what every agreement comes to, once for each instant that asks."""


@workflow.defn
class SnapshotWorkflow(ScheduledWorkflowBase):
    @workflow.init
    def __init__(self, every_seconds: int) -> None:
        super().__init__(every_seconds)

    @workflow.run
    async def run(self, every_seconds: int) -> None:
        await self.outlast_cancellation(self.repeat(self.take))

    async def take(self) -> None:
        await workflow.execute_activity_method(
            SnapshotActivities.take_snapshot,
            TakeSnapshotInput(workflow.now()),
            start_to_close_timeout=TAKE_TIMEOUT,
            schedule_to_close_timeout=TAKE_FOR,
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
            summary="write down what every agreement comes to",
        )
