"""Owe what the last verdict on an outage says, once nobody may dispute it any more."""

from adapters.postgres import attestations, events, ledger, outages, payments
from adapters.postgres.database import Database
from domain import evidence
from domain.audit import by_engine, leaf
from domain.errors import Conflict
from domain.outages import OutageStatus
from domain.payments import Payment, Settling


async def owe_payment(database: Database, settling: Settling, network: str) -> Payment:
    """Return the payment of this outage and revision; one already owed is answered again."""
    outage_id, revision, at = settling.outage_id, settling.revision, settling.at
    async with database.transaction() as connection:
        dossier = await outages.lock(connection, outage_id)
        if dossier.judged is None or dossier.judged[0] != revision:
            raise Conflict(f"revision {revision} is not the newest verdict of outage {outage_id!r}")
        if await attestations.lacking(connection, outage_id, revision):
            raise Conflict(f"the SLA contract has not confirmed revision {revision} yet")
        verdict = dossier.judged[1]
        debt = await payments.foreseen(connection, network, dossier, revision, verdict, at)
        payment = await payments.add(connection, debt, at)
        await outages.move(connection, outage_id, OutageStatus.SETTLING)
        await ledger.accrue(connection, payment)
        request, facts = by_engine(payment.correlation_id), evidence.of_payment(payment)
        subject = f"outage/{outage_id}"
        await events.publish(
            connection, leaf(subject, "payment.owed", request, at, facts, str(revision))
        )
    return payment
