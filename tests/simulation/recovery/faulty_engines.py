"""
Mistakes that show only when a database is restored or copied, made here on purpose: the checks must find each.

Each is a signer that differs from the real one in a single decision.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from domain.settlement.attempts import Attempt, Observation, PreparePaymentResult
from domain.settlement.batches import Batch, FormBatchesInput, PrepareBatchResult
from domain.settlement.payments import Payment
from tests.simulation.faulty_signers import believe

# Numbers are never changed, which is checked; this signer gives another one at once.
_COUNT = text(
    """
    UPDATE payments SET number = (SELECT count(*) FROM payments) WHERE id = :id RETURNING number
    """
)


class CountingNumbers:
    """The number of a payment is the next one, which a restored database gives out again."""

    @staticmethod
    async def renumber(connection: AsyncConnection, payment: Payment) -> Payment:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        number = await connection.scalar(_COUNT, {"id": payment.id})
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        return replace(payment, number=number)


@contextmanager
def ignore_readings(gate: SigningGate) -> Iterator[None]:
    """Let no signature wait for what is read of the chain."""
    readings, gate.readings = gate.readings, None
    try:
        yield
    finally:
        gate.readings = readings


class NumbersByACounter(CountingNumbers, PaymentActivitiesImpl):
    """The numbers of payments that go alone are counted."""


class SignsBeforeItHasRead(PaymentActivitiesImpl):
    """The chain is read beside it all, and no signature waits for that."""

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        with ignore_readings(self.gate):
            return await super().prepare_payment(payment)


class NumbersBatchesByACounter(CountingNumbers, BatchActivitiesImpl):
    """The numbers of payments that go together are counted."""


class SignsBatchesBeforeItHasRead(BatchActivitiesImpl):
    """The chain is read beside it all, and no batch waits for that."""

    async def form_batches(self, forming: FormBatchesInput) -> list[Batch] | None:
        with ignore_readings(self.gate):
            return await super().form_batches(forming)

    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        with ignore_readings(self.gate):
            return await super().prepare_batch(batch)


class BelievesOneNodeOfABatch(BatchActivitiesImpl):
    """What one node says became of a batch counts, and no second one is asked."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        self.rail.witnesses.confirm = believe  # type: ignore[method-assign]
        return await super().observe_payment(attempt)


class SignsWhoeverHasTheChannels(PaymentActivitiesImpl):
    """The claim of the channels is written, and no signature waits for it; nor does one stop when it is lost."""

    goes_on_when_stopped = True

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        claim, self.gate.claim = self.gate.claim, None
        try:
            return await super().prepare_payment(payment)
        finally:
            self.gate.claim = claim


FAULTY_RESTORERS = [NumbersByACounter, SignsBeforeItHasRead]
FAULTY_BATCH_RESTORERS = [
    NumbersBatchesByACounter,
    SignsBatchesBeforeItHasRead,
    BelievesOneNodeOfABatch,
]
FAULTY_COPIES = [SignsWhoeverHasTheChannels]
