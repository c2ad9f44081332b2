"""Owe what the last verdict on an outage says, once nobody may dispute it any more."""

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import attestations, outages
from domain import payloads
from domain.audit import make_audit_entry, make_engine_request
from domain.errors import Conflict
from domain.settlement.payments import OwePaymentInput, Payment
from domain.sla.outages import OutageStatus


async def owe_payment(database: Database, settling: OwePaymentInput, network: str) -> Payment:
    """Return the payment of this outage and revision; one already owed is answered again."""
    outage_id, revision, at = settling.outage_id, settling.revision, settling.at
    async with database.transaction() as connection:
        context = await outages.lock(connection, outage_id)
        if context.judged is None or context.judged[0] != revision:
            raise Conflict(f"revision {revision} is not the newest verdict of outage {outage_id!r}")
        if await attestations.is_lacking(connection, outage_id, revision):
            raise Conflict(f"the SLA contract has not confirmed revision {revision} yet")
        verdict = context.judged[1]
        debt = await payments.preview_payment(connection, network, context, revision, verdict, at)
        payment = await payments.add(connection, debt, at)
        await outages.move(connection, outage_id, OutageStatus.SETTLING)
        await journal.accrue(connection, payment)
        request, facts = (
            make_engine_request(payment.correlation_id),
            payloads.describe_payment(payment),
        )
        subject = f"outage/{outage_id}"
        await events.publish(
            connection, make_audit_entry(subject, "payment.owed", request, at, facts, str(revision))
        )
    return payment
