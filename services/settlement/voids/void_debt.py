"""Void what an outage owes, for as long as nothing can have been signed for it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, manual_matches, payments
from adapters.postgres.sla import disputes, outage_contexts, outages
from adapters.postgres.sla.outage_contexts import OutageContext
from domain import payloads
from domain.audit import make_audit_entry
from domain.errors import Conflict, NotFound
from domain.events import EventType, make_event
from domain.settlement.approvals import check_unsigned, check_voider
from domain.settlement.payments import Payment, PaymentStatus
from domain.sla import outage_rules
from domain.sla.outages import CloseOutageResult, OutageStatus, VoidDebtInput
from services.settlement.approvals.void_approvals import void_approvals_within
from services.settlement.checks.find_unread import find_unread_within


@dataclass(frozen=True, slots=True)
class VoidedDebt:
    """What was owed, and how the payment of it stood; None where it was not owed for payment yet."""

    payment: Payment
    status: PaymentStatus | None


async def void_debt(database: Database, voiding: VoidDebtInput, network: str) -> CloseOutageResult:
    """
    Void the debt and end the outage; asked again it is answered again. Raises Forbidden for a maker of the
    verdict, and Conflict when the payment is signed, reserved to be signed, or made out of band.

    The payment is locked as those lock it who reserve a channel, and those who sign read it again after
    that: one of the two sees the other.
    """
    outage_id = voiding.outage_id
    async with database.transaction(durable=True) as connection:
        context = await outage_contexts.lock(connection, outage_id)
        debt = await _find_debt(connection, context, voiding, network)
        if context.status is OutageStatus.VOIDED:
            return CloseOutageResult(outage_id, context.version)
        expected = voiding.asked.expected_version
        outage_rules.check_version(outage_id, expected, context.version)
        outage_rules.check_voidable(outage_id, context.status)
        await _check(connection, debt.payment, voiding.asked.request.actor)
        if debt.status is not None:
            await _void_payment(connection, debt.payment, voiding)
        await journal.take_back_accrual(connection, debt.payment.id)
        to, at = OutageStatus.VOIDED, voiding.at
        version = await outages.move(connection, outage_id, to, closed_at=at)
        await _publish(connection, debt, voiding)
    return CloseOutageResult(outage_id, version)


async def _find_debt(
    connection: AsyncConnection, context: OutageContext, voiding: VoidDebtInput, network: str
) -> VoidedDebt:
    outage_id = context.outage.id
    if context.judged is None:
        raise Conflict(f"outage {outage_id!r} is {context.status}: there is no debt to void")
    revision, verdict = context.judged
    at = voiding.at
    planned = await payments.preview_payment(connection, network, context, revision, verdict, at)
    try:
        record, in_attempt = await manual_matches.lock(connection, planned.id)
    except NotFound:
        return VoidedDebt(planned, None)
    if record.status is not PaymentStatus.VOIDED:
        check_unsigned(record.payment, record.status, in_attempt=in_attempt)
    return VoidedDebt(record.payment, record.status)


async def _check(connection: AsyncConnection, payment: Payment, actor: str) -> None:
    """Refuse a maker, a debt that is disputed, and one that the chain may show as paid."""
    makers = await approvals.find_makers(connection, [payment])
    check_voider(actor, makers[payment.outage_id])
    await check_unpaid_within(connection, payment.outage_id, payment.id, payment.from_address)


async def check_unpaid_within(
    connection: AsyncConnection, outage_id: str, payment_id: str, treasury: str
) -> None:
    """Refuse a debt that is disputed, and one that the chain may show as paid."""
    dispute = await disputes.find_undecided(connection, outage_id)
    if dispute is not None:
        raise Conflict(f"{dispute.describe_decision()}: decide it first")
    if unread := await find_unread_within(connection, treasury):
        raise Conflict(
            f"payment {payment_id} may have been made: {unread}; repeat the request then"
        )
    made = await manual_matches.find_out_of_band(connection, [payment_id])
    made += await manual_matches.find_netted(connection, [payment_id], nets=True)
    if made:
        raise Conflict(
            f"payment {payment_id} may have been made by transaction {made[0].transaction_hash}: match it, "
            "or close its break with suspense first"
        )


async def _void_payment(
    connection: AsyncConnection, payment: Payment, voiding: VoidDebtInput
) -> None:
    reason = "the debt is voided"
    await void_approvals_within(connection, [payment.id], reason, voiding.at)
    await payments.move(connection, payment.id, PaymentStatus.VOIDED, batch_ready_at=None)


async def _publish(connection: AsyncConnection, debt: VoidedDebt, voiding: VoidDebtInput) -> None:
    payment, by, at = debt.payment, voiding.asked.request, voiding.at
    payload = payloads.describe_payment(payment) | {
        "reason": voiding.asked.reason,
        "status_before": debt.status,
    }
    subject, outage_id = f"outage/{payment.outage_id}", payment.outage_id
    await events.publish(
        connection,
        make_audit_entry(subject, "payment.voided", by, at, payload, payment.id),
        make_event(EventType.PAYMENT_VOIDED, outage_id, at, payload, payment.id),
    )
