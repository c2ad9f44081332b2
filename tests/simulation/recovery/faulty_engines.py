"""
Mistakes that show only when a database is restored or copied, made here on purpose: the checks must find each.

Each is a signer that differs from the real one in a single decision.
"""

from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.settlement.payments import PaymentActivitiesImpl
from domain.settlement.attempts import PreparePaymentResult
from domain.settlement.payments import Payment

# Numbers are never changed, which is checked; this signer gives another one at once.
_COUNT = text(
    """
    UPDATE payments SET number = (SELECT count(*) FROM payments) WHERE id = :id RETURNING number
    """
)


class NumbersByACounter(PaymentActivitiesImpl):
    """The number of a payment is the next one, which a restored database gives out again."""

    @staticmethod
    async def renumber(connection: AsyncConnection, payment: Payment) -> Payment:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        number = await connection.scalar(_COUNT, {"id": payment.id})
        await connection.execute(text("SET LOCAL session_replication_role = origin"))
        return replace(payment, number=number)


class SignsBeforeItHasRead(PaymentActivitiesImpl):
    """The chain is read beside it all, and no signature waits for that."""

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        readings, self.gate.readings = self.gate.readings, None
        try:
            return await super().prepare_payment(payment)
        finally:
            self.gate.readings = readings


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
FAULTY_COPIES = [SignsWhoeverHasTheChannels]
