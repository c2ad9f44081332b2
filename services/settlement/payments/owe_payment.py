"""Owe what the last verdict on an outage says, once its dispute window has ended."""

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import disputes, outage_contexts, outages
from domain import payloads
from domain.audit import make_audit_entry, make_engine_request
from domain.errors import Conflict
from domain.settlement.payments import OwePaymentInput, OwePaymentResult, check_payment, redirect
from domain.sla.outages import OutageStatus


async def owe_payment(
    database: Database, settling: OwePaymentInput, passphrase: str
) -> OwePaymentResult:
    """
    Owe the payment that came with the judgement, at the address its party is paid at by now. Return
    it with its number on the network of this passphrase; one already owed for this outage and revision is answered again.

    Raises Conflict when it is not what the newest verdict owes, when that is not confirmed yet, or while
    a dispute of the outage is open, whoever asks.
    """
    judged, at = settling.payment, settling.at
    outage_id, revision = judged.outage_id, judged.revision
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id, at)
        if context.judged is None:
            raise Conflict(f"outage {outage_id!r} has no verdict to pay for")
        if context.disputed and (dispute := await disputes.find_undecided(connection, outage_id)):
            raise Conflict(f"{dispute.describe_decision()}; nothing is paid until it is decided")
        check_payment(judged, *context.judged)
        if context.unattested:
            raise Conflict(f"the SLA contract has not confirmed revision {revision} yet")
        debt = redirect(judged, context.agreement)
        payment = await payments.add(connection, debt, passphrase, at, context.installation_id)
        version = await outages.move(connection, outage_id, OutageStatus.SETTLING)
        await journal.keep_accrual(connection, payment)
        request, payload = (
            make_engine_request(payment.correlation_id),
            payloads.describe_payment(payment),
        )
        subject = f"outage/{outage_id}"
        await events.publish(
            connection,
            make_audit_entry(subject, "payment.owed", request, at, payload, str(revision)),
        )
    return OwePaymentResult(payment, version)
