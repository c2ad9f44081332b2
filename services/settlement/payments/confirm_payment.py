"""Confirm a payment that is proven to have moved its money."""

from adapters.failpoints import reach
from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, payments
from domain import payloads
from domain.accounting.journal import make_settled_entries
from domain.errors import IllegalTransition, TryAgain
from domain.requests import Request
from domain.settlement.attempts import AttemptStatus, ObservedAttempt
from domain.settlement.payments import Receipt
from services.settlement.payments.audit_entries import describe_paid


async def confirm_payment(
    database: Database, observed: ObservedAttempt, by: Request | None = None
) -> Receipt:
    """Confirm by proof; `by` is whoever found it, the engine itself unless it says so."""
    payment, attempt, seen = observed.payment, observed.attempt, observed.observation
    confirmed_at = seen.closed_at or observed.at
    transaction_hash = seen.hash or attempt.newest_hash
    confirmed = {
        "transaction_hash": transaction_hash,
        "ledger": seen.ledger,
        "confirmed_at": confirmed_at,
    }
    proof = payloads.describe_receipt(transaction_hash, seen.ledger, seen.fee_stroops, confirmed_at)
    async with database.transaction(durable=True) as connection:
        finished = await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED)
        if not finished and await attempts.is_replaced(connection, attempt):
            raise IllegalTransition(
                f"attempt {attempt.n} of payment {payment.id} is on record with another channel or sequence"
            )
        made = payments.make_confirmation(payment.id, **confirmed)
        settled = make_settled_entries(payment, transaction_hash, attempt.n, attempt.payment_id)
        paid = [describe_paid(payment, observed.at, proof, by)]
        published = events.make_consequence(paid)
        if await journal.change(connection, made, settled, published) is None:
            # It stands in the journal, perhaps as what was read from the chain; or it is refused.
            if await payments.confirm(connection, payment.id, **confirmed):
                raise TryAgain(f"payment {payment.id} was changed meanwhile; read it again")
            await events.publish_all(connection, paid)
        reach("in_booking")
    return Receipt(payment.id, transaction_hash, seen.ledger, payment.amount_stroops, confirmed_at)
