"""Close an attempt that the network has proven to have had no effect; the payment begins anew."""

from adapters.failpoints import reach
from adapters.postgres import attempts, events, ledger, payments
from adapters.postgres.database import Database
from domain.attempts import AttemptStatus, Sighting
from domain.ledger import unspent
from domain.payments import PaymentStatus
from services.settlement.payments.audit_entries import tell_attempt_failed


async def fail_attempt(database: Database, sighting: Sighting) -> None:
    payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
    facts = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
    async with database.transaction() as connection:
        # Closed by an earlier run, the payment may have gone on since.
        if await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
            await payments.move(connection, payment.id, PaymentStatus.PENDING)
            given_back = unspent(payment, attempt.n, attempt.payment_id)
            await ledger.book_many(connection, given_back)
            failed = tell_attempt_failed(payment, attempt, sighting.at, facts)
            await events.publish(connection, failed)
            reach("in_failing")
