"""Pay a payment for which nothing is signed at the address that its payee has by now."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import manual_matches, payments
from adapters.postgres.sla import outages
from adapters.postgres.sla.agreements import agreements
from domain import payloads
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.settlement.approvals import UNSIGNED
from domain.settlement.payments import Payment, PaymentRecord
from services.settlement.approvals.void_approvals import void_approvals_within
from services.settlement.checks.find_unread import find_unread_within
from services.settlement.checks.read_payment import read_payment


async def redirect_payment(database: Database, payment_id: str, at: datetime) -> PaymentRecord:
    """
    Return a payment as it is to be made from now on. It keeps its address while bytes may be applied that
    pay it, and while the chain may show that it was paid.
    """
    known = await read_payment(database, payment_id, at)
    if known.record.status not in UNSIGNED or not known.moved:
        return known.record
    async with database.transaction() as connection:
        record, in_attempt = await manual_matches.lock(connection, payment_id)
        if in_attempt or record.status not in UNSIGNED:
            return record
        moved = await _find_move(connection, record, at)
        if moved is None or await _may_be_made(connection, record.payment):
            return record
        await _redirect(connection, record.payment, moved, at)
        return await payments.get(connection, payment_id, EVERYTHING)


async def _find_move(
    connection: AsyncConnection, record: PaymentRecord, at: datetime
) -> Payment | None:
    """Return the payment at another address, if its payee has changed it since the payment is owed."""
    name = await outages.get_agreement_name(connection, record.payment.outage_id)
    bound = await agreements.get_agreement(connection, name, EVERYTHING)
    moved = await payments.redirect_payment(connection, record.payment, bound, at)
    return None if moved == record.payment else moved


async def _may_be_made(connection: AsyncConnection, payment: Payment) -> bool:
    """Tell whether the chain shows, or may show, a transfer that was this payment."""
    if await find_unread_within(connection, payment.from_address) is not None:
        return True
    return bool(await manual_matches.find_out_of_band(connection, [payment.id]))


async def _redirect(
    connection: AsyncConnection, before: Payment, moved: Payment, at: datetime
) -> None:
    reason = f"the payment is to be made to {moved.to_address}"
    await void_approvals_within(connection, [moved.id], reason, at)
    await payments.set_addresses(connection, moved)
    payload = payloads.describe_payment(moved) | {
        "from_address_before": before.from_address,
        "to_address_before": before.to_address,
    }
    by, subject = make_engine_request(moved.correlation_id), f"outage/{moved.outage_id}"
    key = (moved.id, format_instant(at))
    await events.publish(
        connection, make_audit_entry(subject, "payment.redirected", by, at, payload, *key)
    )
    await journal.accrue(connection, moved)
