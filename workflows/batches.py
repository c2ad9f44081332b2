"""
The life of a batch: payments that are settled together, by one transaction.

    gather -> prepare -> submit -> observe -> booked
                 ^         ^          |
                 |         +-- open --+
                 +-- failed: those at fault are ejected, the rest is tried once more

What moves a batch on is what moves a single payment on: proof, and nothing else. Each payment's
own life waits meanwhile, and is told how it ended.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from domain.attempts import Outcome
from domain.batches import (
    Batch,
    BatchPreparation,
    BatchSighting,
    Ejected,
    Ejection,
    Gathering,
)
from domain.reasons import Reason

with workflow.unsafe.imports_passed_through():
    from workflows.attempts import AttemptSteps, Landing
    from workflows.payments import PaymentWorkflow
    from workflows.steps import PATIENT
    from workflows.webhooks import start_deliveries

GATHER_TIMEOUT = timedelta(minutes=2)
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
# A hundred payments are read, signed for and booked in one step.
BATCH_LIMIT = timedelta(seconds=30)
OBSTRUCTED_LOOK = timedelta(minutes=1)


class BatchSteps(AttemptSteps):
    """What a batch asks of the outside world; activities/batches.py does it."""

    @activity.defn
    @abstractmethod
    async def gather_batches(self, gathering: Gathering) -> list[Batch] | None:
        """Wait for payments that are ready and reserve for them; None when nobody gathers."""

    @activity.defn
    @abstractmethod
    async def prepare_batch(self, batch: Batch) -> BatchPreparation:
        """Leave out who cannot be paid, sign for the rest, store the bytes."""

    @activity.defn
    @abstractmethod
    async def book_batch(self, sighting: BatchSighting) -> list[str]:
        """The money moved: confirm and post every payment; answer their ids."""

    @activity.defn
    @abstractmethod
    async def eject_batch(self, sighting: BatchSighting) -> Ejection:
        """The batch failed: park the payments at fault, reserve for the rest once more."""

    @activity.defn
    @abstractmethod
    async def quarantine_batch(self, sighting: BatchSighting) -> list[str]:
        """Bytes we do not know consumed the sequence: nothing more without a person."""


@workflow.defn
class BatchWorkflow(Landing):
    @workflow.init
    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.gathered_anew = False
        self.obstacle: Reason | None = None

    @workflow.run
    async def run(self, batch: Batch) -> int:
        """Answer how many payments were settled."""
        while True:
            # Told to try again after this line, the answer below may be out of date by then.
            self.retry_wanted = self.gathered_anew = False
            preparation = await self.insist(BatchSteps.prepare_batch, batch, BATCH_LIMIT)
            await self.left_out(preparation.ejected, preparation.deliveries)
            await asyncio.gather(*map(self.wake, preparation.called_back))
            if preparation.obstacle is not None:
                await self.obstructed(preparation.obstacle)
                continue
            if preparation.attempt is None and self.gathered_anew:
                continue
            if preparation.attempt is None:
                return 0
            attempt, observation = await self.landed(preparation.attempt)
            sighting = BatchSighting(batch, attempt, observation, workflow.now())
            match observation.outcome:
                case Outcome.SUCCEEDED:
                    settled = await self.insist(BatchSteps.book_batch, sighting, BATCH_LIMIT)
                    await asyncio.gather(*map(self.wake, settled))
                    return len(settled)
                case Outcome.EXPIRED:
                    self.note("expired unused; signing again for the same sequence")
                case Outcome.FAILED_RETRY | Outcome.FAILED_PARK:
                    # The book may be at the next batch by the time it answers: there is no way back.
                    self.subject = None
                    ejection = await self.insist(BatchSteps.eject_batch, sighting, BATCH_LIMIT)
                    await self.left_out(ejection.ejected, ejection.deliveries)
                    if ejection.again is None:
                        return 0
                    self.subject = batch = ejection.again
                case _:
                    await self.distrusted(BatchSteps.quarantine_batch, attempt, sighting)

    async def left_out(self, ejected: Sequence[Ejected], deliveries: list[str]) -> None:
        """Tell those who ride no longer, and whoever wants to know of it."""
        for out in ejected:
            self.note(f"ejected {out.payment_id}: {out.reason}")
        await asyncio.gather(*map(self.eject, ejected))
        await start_deliveries(deliveries)

    async def wake(self, payment_id: str) -> None:
        with suppress(ApplicationError):  # it has no life of its own, or not any more
            await _life(payment_id).signal(PaymentWorkflow.retry)

    async def eject(self, out: Ejected) -> None:
        with suppress(ApplicationError):
            await _life(out.payment_id).signal(PaymentWorkflow.ejected, out.reason)

    async def obstructed(self, obstacle: Reason) -> None:
        """Wait until somebody says try again, or for a while: it may take days to be mended."""
        if obstacle != self.obstacle:
            self.note(f"nothing can be signed: {obstacle}")
            self.obstacle = obstacle
        deadline = workflow.now() + OBSTRUCTED_LOOK
        await self.wait_until(deadline, lambda: self.retry_wanted, "obstructed")
        self.start_over_if_long()

    @workflow.signal(description="A person has looked: try again")
    def retry(self) -> None:
        self.retry_wanted = True

    @workflow.signal(description="Payments were gathered once more under the name of this batch")
    def gathered(self) -> None:
        self.gathered_anew = True


def _life(
    payment_id: str,
) -> "workflow.ExternalWorkflowHandle[PaymentWorkflow]":
    return workflow.get_external_workflow_handle(f"payment/{payment_id}")


@workflow.defn
class GatheringWorkflow:
    """Starts a life for each batch, as long as payments are settled together."""

    @workflow.run
    async def run(self) -> None:
        first = True
        while not workflow.info().is_continue_as_new_suggested():
            batches = await workflow.execute_activity_method(
                BatchSteps.gather_batches,
                Gathering(first),
                start_to_close_timeout=GATHER_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=PATIENT,
                summary="wait for payments that are ready",
            )
            if batches is None:
                return
            first = False
            await asyncio.gather(*map(self.start, batches))
        workflow.continue_as_new()

    async def start(self, batch: Batch) -> None:
        """
        Give a batch a life. A batch whose riders all left has made way for another of its name, so
        that a life may be about to end that must go on: it is told, until one or the other works.
        """
        life = workflow.get_external_workflow_handle(f"batch/{batch.id}")
        while True:
            with suppress(WorkflowAlreadyStartedError):
                await workflow.start_child_workflow(
                    BatchWorkflow.run,
                    batch,
                    id=life.id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=f"batch led by {batch.leader}",
                )
                return
            with suppress(ApplicationError):
                await life.signal(BatchWorkflow.gathered)
                return
