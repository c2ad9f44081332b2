"""Take a transfer that was made by hand for the payment whose number it carries."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import adoptions, events, ledger
from adapters.postgres.database import Database
from adapters.postgres.payments import payment_of
from domain import evidence
from domain.adoptions import LEADER, Adoption, AdoptTransferInput, ByHand, check_adoption
from domain.audit import leaf
from domain.errors import Conflict, Invalid
from domain.events import EventType, event
from domain.ledger import spent
from domain.outages import Request
from domain.payments import Payment


async def adopt_transfer(database: Database, adopting: AdoptTransferInput) -> None:
    """
    Confirm and post the payment, all or nothing; refuse what is not exactly what is owed, and a payment
    that something may still pay. What was adopted by an earlier run stands.
    """
    payment_id, asked = adopting.payment.id, adopting.asked
    async with database.transaction() as connection:
        row, rides = await adoptions.lock(connection, payment_id)
        payment = payment_of(row)
        made = await _made(connection, payment, asked.transaction_hash)
        if made.adopted:
            return
        if row["transaction_hash"] is not None:
            raise Conflict(f"payment {payment_id} is confirmed by {row['transaction_hash']}")
        check_adoption(payment, row["status"], rides, made)
        by, at = asked.request, adopting.at
        adoption = Adoption(payment_id, made.position, by.actor, asked.note, at)
        await _book(connection, payment, adoption, made, by)


async def _made(connection: AsyncConnection, payment: Payment, hash_: str) -> ByHand:
    for made in await adoptions.by_hand(connection, [payment.id]):
        if made.transaction_hash == hash_:
            return made
    raise Invalid(
        "transaction_hash",
        f"reconciliation has read no transfer number {payment.number} out of a treasury in it that the "
        "engine did not make, or its break was closed with suspense",
    )


async def _book(
    connection: AsyncConnection, payment: Payment, adoption: Adoption, made: ByHand, by: Request
) -> None:
    await adoptions.adopt(connection, adoption, made)
    await ledger.book_many(connection, spent(payment, made.transaction_hash, 0, LEADER))
    proof = evidence.of_receipt(made.transaction_hash, made.ledger, 0, made.closed_at)
    facts = evidence.of_payment(payment) | proof
    by_hand = {"adopted_by": adoption.adopted_by, "note": adoption.note}
    subject, at = f"outage/{payment.outage_id}", adoption.at
    # Its deliveries are announced with the receipt, as those of any other payment.
    await events.publish(
        connection,
        leaf(subject, "payment.adopted", by, at, facts | by_hand, payment.id),
        # The same event as of any other payment, since there is one of them for each.
        event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, facts, payment.id),
    )
