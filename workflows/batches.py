"""
The handle of a batch: payments that are settled together, by one transaction.

    gather -> prepare -> submit -> observe -> booked
                 ^         ^          |
                 |         +-- open --+
                 +-- failed: those at fault are removed, the rest is tried once more

What moves a batch on is what moves a single payment on: proof, and nothing else. Each payment's
own handle waits meanwhile, and is told how it ended.
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
from domain.settlement.attempts import AttemptOutcome, Prepared
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
    from workflows.payments import PaymentWorkflow
    from workflows.runtime import RETRY_FOREVER
    from workflows.webhooks import start_deliveries

BATCHING_TIMEOUT = timedelta(minutes=2)
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
# A hundred payments are read, signed for and booked in one step.
BATCH_LIMIT = timedelta(seconds=30)
OBSTACLE_CHECK_INTERVAL = timedelta(minutes=1)


class BatchActivities(AttemptActivities):
    """What a batch asks of the outside world; activities/settlement/batches.py does it."""

    @activity.defn
    @abstractmethod
    async def form_batches(self, gathering: FormBatchesInput) -> list[Batch] | None:
        """Wait for payments that are ready and reserve for them; None when nobody batches_payments."""

    @activity.defn
    @abstractmethod
    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        """Leave out who cannot be paid, sign for the rest, store the bytes."""

    @activity.defn
    @abstractmethod
    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        """The money moved: confirm and post every payment; answer their ids."""

    @activity.defn
    @abstractmethod
    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        """The batch failed: park the payments at fault, reserve for the rest once more."""

    @activity.defn
    @abstractmethod
    async def quarantine_batch(self, observed: ObservedBatch) -> list[str]:
        """Bytes we do not know consumed the sequence: nothing more without a person."""


@workflow.defn
class BatchWorkflow(AttemptWorkflowBase):
    @workflow.init
    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.reformed = False
        self.obstacle: Reason | None = None

    @workflow.run
    async def run(self, batch: Batch) -> int:
        """Answer how many payments were settled."""
        while True:
            # Told to try again after this line, the answer below may be out of date by then.
            self.retry_requested = self.reformed = False
            preparation = await self.run_until_accepted(
                BatchActivities.prepare_batch, batch, BATCH_LIMIT
            )
            await self.notify_removed(preparation.removed, preparation.deliveries)
            await asyncio.gather(*map(self.signal_retry, preparation.withdrawn))
            match preparation.state:
                case Prepared(attempt):
                    pass
                case ObstructedBatch(reason):
                    await self.await_obstacle_removed(reason)
                    continue
                case EmptyBatch():
                    if self.reformed:
                        continue
                    return 0
                case _:
                    assert_never(preparation.state)
            attempt, observation = await self.submit_until_final(attempt)
            observed = ObservedBatch(batch, attempt, observation, workflow.now())
            match observation.outcome:
                case AttemptOutcome.SUCCEEDED:
                    settled = await self.run_until_accepted(
                        BatchActivities.confirm_batch, observed, BATCH_LIMIT
                    )
                    await asyncio.gather(*map(self.signal_retry, settled))
                    return len(settled)
                case AttemptOutcome.EXPIRED:
                    self.note("expired unused; signing again for the same sequence")
                case AttemptOutcome.FAILED_RETRY | AttemptOutcome.FAILED_BLOCKED:
                    # The book may be at the next batch by the time it answers: there is no way back.
                    self.subject = None
                    ejection = await self.run_until_accepted(
                        BatchActivities.fail_batch, observed, BATCH_LIMIT
                    )
                    await self.notify_removed(ejection.removed, ejection.deliveries)
                    if ejection.again is None:
                        return 0
                    self.subject = batch = ejection.again
                case _:
                    await self.await_quarantine_review(
                        BatchActivities.quarantine_batch, attempt, observed
                    )

    async def notify_removed(
        self, removed: Sequence[RemovedPayment], deliveries: list[str]
    ) -> None:
        """Tell those who ride no longer, and whoever wants to know of it."""
        for out in removed:
            self.note(f"removed {out.payment_id}: {out.reason}")
        await asyncio.gather(*map(self.signal_removed, removed))
        await start_deliveries(deliveries)

    async def signal_retry(self, payment_id: str) -> None:
        with suppress(ApplicationError):  # it has no handle of its own, or not any more
            await _get_handle(payment_id).signal(PaymentWorkflow.retry)

    async def signal_removed(self, out: RemovedPayment) -> None:
        with suppress(ApplicationError):
            await _get_handle(out.payment_id).signal(PaymentWorkflow.removed_from_batch, out.reason)

    async def await_obstacle_removed(self, obstacle: Reason) -> None:
        """Wait until somebody says try again, or for a while: it may take days to be mended."""
        if obstacle != self.obstacle:
            self.note(f"nothing can be signed: {obstacle}")
            self.obstacle = obstacle
        deadline = workflow.now() + OBSTACLE_CHECK_INTERVAL
        await self.wait_until(deadline, lambda: self.retry_requested, "obstructed")
        self.continue_as_new_if_long()

    @workflow.signal(description="A person has looked: try again")
    def retry(self) -> None:
        self.retry_requested = True

    @workflow.signal(description="Payments were gathered once more under the name of this batch")
    def batch_reformed(self) -> None:
        self.reformed = True


def _get_handle(
    payment_id: str,
) -> "workflow.ExternalWorkflowHandle[PaymentWorkflow]":
    return workflow.get_external_workflow_handle(f"payment/{payment_id}")


@workflow.defn
class BatchingWorkflow:
    """Starts a handle for each batch, as long as payments are settled together."""

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
        Give a batch a handle. A batch whose members all left has made way for another of its name, so
        that a handle may be about to end that must go on: it is told, until one or the other works.
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
