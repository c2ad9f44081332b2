"""Owe what the last verdict on an outage says, once its dispute window has ended."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import disputes, outage_contexts, outages
from domain import payloads
from domain.audit import make_audit_entry, make_engine_request
from domain.errors import Conflict
from domain.settlement.payments import (
    OwePaymentInput,
    OwePaymentResult,
    Payment,
    check_payment,
    redirect,
)
from domain.sla.outages import OutageStatus


async def owe_payment(
    database: Database, settling: OwePaymentInput, passphrase: str
) -> OwePaymentResult:
    """
    Owe the payment that came with the judgement, from the treasury of the version of the agreement that binds the
    outage, and at the address its party is paid at by now. Return it with its number on the network of this
    passphrase. Asked again for the same outage and revision, return what is owed already.

    Raises Conflict when it is not what the newest verdict owes, when that is not confirmed yet, or while
    a dispute of the outage is open, whoever asks.
    """
    expected, at = settling.payment, settling.at
    outage_id, revision = expected.outage_id, expected.revision
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id, at)
        if context.judged is None:
            raise Conflict(f"outage {outage_id!r} has no verdict to pay for")
        if context.disputed and (dispute := await disputes.find_undecided(connection, outage_id)):
            raise Conflict(f"{dispute.describe_decision()}; nothing is paid until it is decided")
        check_payment(expected, *context.judged)
        if context.unattested:
            raise Conflict(f"the SLA contract has not confirmed revision {revision} yet")
        payer = context.agreement.treasuries[expected.payer]
        debt = replace(redirect(expected, context.agreement), from_address=payer)
        payment = await payments.add(connection, debt, passphrase, at, context.installation_id)
        await journal.keep_accrual(connection, payment)
        version = await _settle(connection, payment, at)
    return OwePaymentResult(payment, version)


async def _settle(connection: AsyncConnection, payment: Payment, at: datetime) -> int:
    """Have the outage settled by this payment; return its version."""
    by, subject = make_engine_request(payment.correlation_id), f"outage/{payment.outage_id}"
    payload, key = payloads.describe_payment(payment), str(payment.revision)
    owed = make_audit_entry(subject, "payment.owed", by, at, payload, key)
    settling = outages.make_settling(payment.outage_id)
    if (changed := await events.change(connection, settling, [(owed, [])])) is not None:
        return int(changed["version"])
    await events.publish(connection, owed)
    return await outages.require(connection, payment.outage_id, OutageStatus.SETTLING)
