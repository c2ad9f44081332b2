"""Match an out-of-band transfer with the payment whose number it carries."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import manual_matches
from domain import payloads
from domain.accounting.journal import make_settled_entries
from domain.audit import make_audit_entry
from domain.errors import Conflict, Invalid
from domain.events import EventType, make_event
from domain.requests import Request
from domain.settlement.manual_matches import (
    OUT_OF_BAND_LEAD,
    ManualMatch,
    MatchTransferInput,
    OutOfBandTransfer,
    check_manual_match,
)
from domain.settlement.payments import Payment


async def match_transfer(database: Database, matching: MatchTransferInput) -> None:
    """
    Confirm and post the payment, all or nothing; refuse what is not exactly what is owed, and a payment
    that something may still pay. A match by an earlier run is kept.
    """
    payment_id, asked = matching.payment.id, matching.asked
    async with database.transaction(durable=True) as connection:
        record, in_attempt = await manual_matches.lock(connection, payment_id)
        payment = record.payment
        transfer = await _find_transfer(connection, payment, asked.transaction_hash)
        if transfer.matched:
            return
        if record.transaction_hash is not None:
            raise Conflict(f"payment {payment_id} is confirmed by {record.transaction_hash}")
        check_manual_match(payment, record.status, in_attempt, transfer)
        by, at = asked.request, matching.at
        manual_match = ManualMatch(payment_id, transfer.position, by.actor, asked.note, at)
        await _post(connection, payment, manual_match, transfer, by)


async def _find_transfer(
    connection: AsyncConnection, payment: Payment, hash_: str
) -> OutOfBandTransfer:
    for transfer in await manual_matches.find_out_of_band(connection, [payment.id]):
        if transfer.transaction_hash == hash_:
            return transfer
    raise Invalid(
        "transaction_hash",
        f"reconciliation has not read a transfer number {payment.number} out of a treasury in it that the "
        "engine did not make, or its break was closed with suspense",
    )


async def _post(
    connection: AsyncConnection,
    payment: Payment,
    manual_match: ManualMatch,
    transfer: OutOfBandTransfer,
    by: Request,
) -> None:
    await manual_matches.match(connection, manual_match, transfer)
    await journal.post_entries(
        connection, make_settled_entries(payment, transfer.transaction_hash, 0, OUT_OF_BAND_LEAD)
    )
    proof = payloads.describe_receipt(
        transfer.transaction_hash, transfer.ledger, 0, transfer.closed_at
    )
    payload = payloads.describe_payment(payment) | proof
    match_details = {"matched_by": manual_match.matched_by, "note": manual_match.note}
    subject, at = f"outage/{payment.outage_id}", manual_match.at
    key = (payment.id, transfer.transaction_hash)
    await events.publish(
        connection,
        make_audit_entry(
            subject, "payment.matched_manually", by, at, payload | match_details, payment.id
        ),
        # The same event as of any other payment, since there is one of them for each.
        make_event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, payload, *key),
    )
