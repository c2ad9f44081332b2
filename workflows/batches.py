"""
The workflow of a batch: payments that are settled together, by one transaction.

    form -> prepare -> submit -> observe -> confirmed
               ^         ^          |
               |         +-- open --+
               +-- failed: the payments at fault are removed, the rest is tried once more

Like a single payment, a batch moves on by proof alone. The workflow of each member waits
meanwhile, and is signalled when the batch ends.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import assert_never

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from domain.reasons import Reason
from domain.settlement.attempts import Attempt, AttemptOutcome, Prepared
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    FailBatchResult,
    FormBatchesInput,
    ObservedBatch,
    ObstructedBatch,
    PrepareBatchResult,
    RemovedPayment,
)

with workflow.unsafe.imports_passed_through():
    from workflows.attempts import AttemptActivities, AttemptWorkflowBase
    from workflows.runtime import RETRY_FOREVER
    from workflows.visibility.search_attributes import show_end

BATCHING_TIMEOUT = timedelta(minutes=2)
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
# One activity reads, signs for or posts a hundred payments.
BATCH_LIMIT = timedelta(seconds=30)
OBSTACLE_CHECK_INTERVAL = timedelta(minutes=1)


class BatchActivities(AttemptActivities):
    """The activities of a batch; implemented by activities/settlement/batches.py."""

    @activity.defn
    @abstractmethod
    async def form_batches(self, forming: FormBatchesInput) -> list[Batch] | None:
        """Wait for payments that are ready, and reserve for them; None when batching is off."""

    @activity.defn
    @abstractmethod
    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        """Remove the payments that cannot be made, sign for the rest, and store the bytes."""

    @activity.defn
    @abstractmethod
    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        """Confirm and post every payment, whose money has moved; return their ids."""

    @activity.defn
    @abstractmethod
    async def find_workflows(self, payment_ids: list[str]) -> list[str]:
        """Return the ids of the workflows of payments, in the order given; empty for one that is not on record."""

    @activity.defn
    @abstractmethod
    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        """Block the payments at fault of a failed batch, and reserve for the rest once more."""

    @activity.defn
    @abstractmethod
    async def quarantine_batch(self, observed: ObservedBatch) -> None:
        """Quarantine the batch: an unknown transaction consumed its sequence."""


@workflow.defn
class BatchWorkflow(AttemptWorkflowBase):
    @workflow.init
    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.batch = batch
        self.reformed = False
        self.obstacle: Reason | None = None

    @workflow.run
    async def run(self, batch: Batch) -> int:
        """Return how many payments were settled."""
        settled = await self.outlast_cancellation(self.settle())
        self.note(f"payments settled: {settled}")
        show_end()
        return settled

    async def settle(self) -> int:
        while True:
            # Reset before the activity: a retry that comes while it runs must count.
            self.retry_requested = self.reformed = False
            preparation = await self.run_until_accepted(
                BatchActivities.prepare_batch, self.batch, BATCH_LIMIT
            )
            await self.notify_removed(preparation.removed)
            await self.signal_retries(preparation.withdrawn)
            match preparation.state:
                case Prepared(attempt):
                    if (settled := await self.pay(attempt)) is not None:
                        return settled
                case ObstructedBatch(reason):
                    await self.await_obstacle_removed(reason)
                case EmptyBatch():
                    if not self.reformed:
                        return 0
                case _:
                    assert_never(preparation.state)

    async def pay(self, attempt: Attempt) -> int | None:
        """Send the stored bytes until they are final; None when some payments are still to be made."""
        attempt, observation = await self.submit_until_final(attempt)
        observed = ObservedBatch(self.batch, attempt, observation, workflow.now())
        match observation.outcome:
            case AttemptOutcome.SUCCEEDED:
                settled = await self.run_until_accepted(
                    BatchActivities.confirm_batch, observed, BATCH_LIMIT
                )
                await self.signal_retries(settled)
                return len(settled)
            case AttemptOutcome.EXPIRED:
                self.note("expired unused; signing again for the same sequence")
            case AttemptOutcome.FAILED_RETRY | AttemptOutcome.FAILED_BLOCKED:
                return await self.remove_failed(observed)
            case _:
                await self.await_quarantine_review(
                    BatchActivities.quarantine_batch, attempt, observed
                )
        return None

    async def remove_failed(self, observed: ObservedBatch) -> int | None:
        """Go on as the batch of the payments that are not at fault; 0 when there are none."""
        # The database may be at the next batch before it answers: no continue-as-new with this one.
        self.subject = None
        failed = await self.run_until_accepted(BatchActivities.fail_batch, observed, BATCH_LIMIT)
        await self.notify_removed(failed.removed)
        if failed.again is None:
            return 0
        self.subject = self.batch = failed.again
        return None

    async def notify_removed(self, removed: Sequence[RemovedPayment]) -> None:
        """Signal the payments that were removed."""
        for out in removed:
            self.note(f"removed {out.payment_id}: {out.reason}")
        names = await self.find_workflows([out.payment_id for out in removed])
        await asyncio.gather(*map(self.signal_removed, names, removed))

    async def find_workflows(self, payment_ids: Sequence[str]) -> list[str]:
        """Return the ids of the workflows of payments, in their order."""
        if not payment_ids:
            return []
        return await self.run_until_accepted(BatchActivities.find_workflows, list(payment_ids))

    async def signal_retries(self, payment_ids: Sequence[str]) -> None:
        await asyncio.gather(*map(self.signal_retry, await self.find_workflows(payment_ids)))

    async def signal_retry(self, name: str) -> None:
        if not name:
            return
        with suppress(ApplicationError):  # it has ended, or the payment has no workflow of its own
            await workflow.get_external_workflow_handle(name).signal("retry")

    async def signal_removed(self, name: str, out: RemovedPayment) -> None:
        if not name:
            return
        handle = workflow.get_external_workflow_handle(name)
        with suppress(ApplicationError):
            await handle.signal("removed_from_batch", out.reason)

    async def await_obstacle_removed(self, obstacle: Reason) -> None:
        """Wait until somebody sends retry, or for a minute; the obstacle may stay for days."""
        if obstacle != self.obstacle:
            self.note(f"nothing can be signed: {obstacle}")
            self.obstacle = obstacle
        await self.show_stopped(obstacle)
        deadline = workflow.now() + OBSTACLE_CHECK_INTERVAL
        await self.wait_until(deadline, lambda: self.retry_requested, "obstructed")
        self.continue_as_new_if_long()

    @workflow.signal(description="The obstacle is removed: try again")
    def retry(self) -> None:
        self.retry_requested = True

    @workflow.signal(description="Another batch was formed under the id of this one")
    def batch_reformed(self) -> None:
        self.reformed = True


@workflow.defn
class BatchingWorkflow:
    """Starts a workflow for each batch, as long as payments are settled together."""

    @workflow.run
    async def run(self) -> None:
        first = True
        while not workflow.info().is_continue_as_new_suggested():
            batches = await workflow.execute_activity_method(
                BatchActivities.form_batches,
                FormBatchesInput(first),
                start_to_close_timeout=BATCHING_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY_FOREVER,
                summary="wait for payments that are ready",
            )
            if batches is None:
                return
            first = False
            await asyncio.gather(*map(self.start, batches))
        workflow.continue_as_new()

    async def start(self, batch: Batch) -> None:
        """
        Start the workflow of a batch. When all members of a batch left, its id is given to another
        batch: a workflow that is about to end must then go on, so it is signalled until either works.
        """
        handle = workflow.get_external_workflow_handle(f"batch/{batch.id}")
        while True:
            with suppress(WorkflowAlreadyStartedError):
                await workflow.start_child_workflow(
                    BatchWorkflow.run,
                    batch,
                    id=handle.id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=f"batch led by {batch.lead_payment_id}",
                )
                return
            with suppress(ApplicationError):
                await handle.signal(BatchWorkflow.batch_reformed)
                return
