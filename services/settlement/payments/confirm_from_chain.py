"""Confirm a payment that the chain shows to be made by bytes this database does not know, as after a restore."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, manual_matches, payments
from adapters.postgres.settlement.attempts import Reservation
from domain import payloads
from domain.accounting.journal import make_released_entries, make_settled_entries
from domain.audit import make_audit_entry, make_engine_request
from domain.errors import TryAgain
from domain.events import EventType, make_event
from domain.settlement.attempts import Attempt, AttemptStatus
from domain.settlement.manual_matches import (
    ENGINE,
    MATCHABLE,
    OUT_OF_BAND_LEAD,
    ManualMatch,
    OutOfBandTransfer,
    is_receipt,
)
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.payments.audit_entries import describe_attempt_failed


@dataclass(frozen=True, slots=True)
class ConfirmFromChain:
    """
    `dead` is an attempt of the payment alone whose bytes are proven to have expired unused: it ends with
    the payment.
    """

    payment: Payment
    at: datetime
    dead: Attempt | None = None


async def confirm_from_chain(database: Database, command: ConfirmFromChain) -> bool:
    """
    Confirm a payment by the transfer that is exactly it; true when it is confirmed now, by this run or
    another. False when there is no such transfer, or bytes of ours may still be applied.
    """
    payment = command.payment
    async with database.transaction() as connection:
        record, _ = await manual_matches.lock(connection, payment.id)
        if record.transaction_hash is not None:
            return True
        made = await _find_receipt(connection, payment)
        if made is None or not await _end_attempt(connection, command, made):
            return False
        record, in_attempt = await manual_matches.lock(connection, payment.id)
        if in_attempt or record.status not in MATCHABLE:
            return False
        await _confirm(connection, payment, made, command.at)
    return True


async def _find_receipt(connection: AsyncConnection, payment: Payment) -> OutOfBandTransfer | None:
    found = await manual_matches.find_out_of_band(connection, [payment.id])
    return next((each for each in found if is_receipt(payment, each)), None)


async def _end_attempt(
    connection: AsyncConnection, command: ConfirmFromChain, made: OutOfBandTransfer
) -> bool:
    """Free the channel of an attempt that can move nothing; false when one goes on."""
    reservation = await attempts.get_reservation(connection, command.payment.id)
    if reservation is None:
        return True
    if reservation.batched:
        return False  # its batch goes on without this payment first
    if reservation.envelope is None:
        if await attempts.release(connection, reservation):
            return True
        raise TryAgain(
            f"payment {reservation.payment_id} is signed for by another process; read it again"
        )
    dead = command.dead
    if dead is None or (dead.n, dead.max_ledger) != (
        reservation.n,
        reservation.envelope.max_ledger,
    ):
        return False
    await _end_dead_attempt(connection, command, reservation, dead, made)
    return True


async def _end_dead_attempt(
    connection: AsyncConnection,
    command: ConfirmFromChain,
    reservation: Reservation,
    dead: Attempt,
    made: OutOfBandTransfer,
) -> None:
    payment = command.payment
    reason = f"expired unused, and transaction {made.transaction_hash} has paid"
    await attempts.finish(connection, dead, AttemptStatus.FAILED, reason)
    await attempts.release_sequence(connection, dead)
    await attempts.give_back_sequence(connection, dead)
    await payments.move(connection, payment.id, PaymentStatus.PENDING)
    given_back = make_released_entries(payment, reservation.n, reservation.payment_id)
    await journal.post_entries(connection, given_back)
    payload = {
        "transaction_hash": "",
        "ledger": reservation.envelope and reservation.envelope.max_ledger,
    }
    ended = describe_attempt_failed(payment, dead, command.at, payload | {"reason": reason})
    await events.publish_all(connection, [ended])


async def _confirm(
    connection: AsyncConnection, payment: Payment, made: OutOfBandTransfer, at: datetime
) -> None:
    note = "the chain shows that it was paid by bytes that this database does not know"
    await manual_matches.match(
        connection, ManualMatch(payment.id, made.position, ENGINE, note, at), made
    )
    await journal.post_entries(
        connection, make_settled_entries(payment, made.transaction_hash, 0, OUT_OF_BAND_LEAD)
    )
    proof = payloads.describe_receipt(made.transaction_hash, made.ledger, 0, made.closed_at)
    payload = payloads.describe_payment(payment) | proof
    by, subject = make_engine_request(payment.correlation_id), f"outage/{payment.outage_id}"
    # The event of any other payment that is confirmed by this transaction, so that there is one of them.
    key = (payment.id, made.transaction_hash)
    await events.publish(
        connection,
        make_audit_entry(subject, "payment.confirmed_from_chain", by, at, payload, *key),
        make_event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, payload, *key),
    )
