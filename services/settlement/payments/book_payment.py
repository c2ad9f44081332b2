"""Book what is proven: the money has moved."""

from adapters.failpoints import reach
from adapters.postgres import attempts, events, ledger, payments
from adapters.postgres.database import Database
from domain import evidence
from domain.attempts import AttemptStatus, Sighting
from domain.ledger import spent
from domain.payments import Receipt
from services.settlement.payments.audit_entries import tell_paid


async def book_payment(database: Database, sighting: Sighting) -> Receipt:
    payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
    confirmed_at = seen.closed_at or sighting.at
    transaction_hash = seen.hash or attempt.newest_hash
    proof = evidence.of_receipt(transaction_hash, seen.ledger, seen.fee_stroops, confirmed_at)
    async with database.transaction() as connection:
        await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED)
        await payments.confirm(
            connection,
            payment.id,
            transaction_hash=transaction_hash,
            ledger=seen.ledger,
            confirmed_at=confirmed_at,
        )
        settled = spent(payment, transaction_hash, attempt.n, attempt.payment_id)
        await ledger.book_many(connection, settled)
        deliveries = await events.publish_all(connection, [tell_paid(payment, sighting.at, proof)])
        reach("in_booking")
    return Receipt(
        payment.id,
        transaction_hash,
        seen.ledger,
        payment.amount_stroops,
        confirmed_at,
        deliveries,
    )
