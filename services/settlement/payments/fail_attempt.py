"""Close an attempt that the network has proven to have had no effect; the payment begins anew."""

from adapters.failpoints import reach
from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, channels, payments
from domain.accounting.journal import make_released_entries
from domain.settlement.attempts import AttemptStatus, ObservedAttempt
from domain.settlement.payments import PaymentStatus
from services.settlement.payments.audit_entries import describe_attempt_failed


async def fail_attempt(database: Database, observed: ObservedAttempt) -> None:
    payment, attempt, seen = observed.payment, observed.attempt, observed.observation
    payload = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
    async with database.transaction() as connection:
        # Closed by an earlier run, the payment may have gone on since.
        if await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
            if seen.unused_after is not None:
                await channels.set_back(connection, attempt.channel, seen.unused_after, seen.ledger)
            await payments.move(connection, payment.id, PaymentStatus.PENDING)
            given_back = make_released_entries(payment, attempt.n, attempt.payment_id)
            await journal.post_entries(connection, given_back)
            failed = describe_attempt_failed(payment, attempt, observed.at, payload)
            await events.publish_all(connection, [failed])
            reach("in_failing")
