"""Fakes of the activities that settle a batch: they record what was asked and answer what a test lined up."""

from temporalio import activity

from domain.settlement.attempts import (
    Attempt,
    Prepared,
)
from domain.settlement.batches import (
    Batch,
    FailBatchResult,
    FormBatchesInput,
    ObservedBatch,
    PrepareBatchResult,
)
from tests.workflows.fakes.fake_payment_activities import FakePaymentActivities
from workflows.batches import BatchActivities


class FakeBatchActivities(FakePaymentActivities, BatchActivities):
    """The same chain, for payments that are settled together; `left` is prepared first."""

    def __init__(self) -> None:
        super().__init__()
        self.formed_batches: list[list[Batch] | None] = []
        self.left: list[PrepareBatchResult] = []
        self.removals: list[FailBatchResult] = []
        self.settled: list[str] = []

    @activity.defn
    async def form_batches(self, forming: FormBatchesInput) -> list[Batch] | None:
        self._ask("form_batches first" if forming.first else "form_batches")
        return self.formed_batches.pop(0) if self.formed_batches else None

    @activity.defn
    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        self._ask("prepare_batch")
        if self.left:
            return self.left.pop(0)
        n = self.asked.count("prepare_batch")
        fresh = Attempt(
            batch.lead_payment_id, batch.n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False
        )
        return PrepareBatchResult(Prepared(fresh))

    @activity.defn
    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        self._ask("confirm_batch")
        return self.settled

    @activity.defn
    async def find_workflows(self, payment_ids: list[str]) -> list[str]:
        return [f"payment/{each}" for each in payment_ids]

    @activity.defn
    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        self._ask("fail_batch")
        return self.removals.pop(0)

    @activity.defn
    async def quarantine_batch(self, observed: ObservedBatch) -> None:
        self._ask("quarantine_batch")
