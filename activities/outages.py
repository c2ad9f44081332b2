"""Keep the record of an outage: one transaction a step, with its audit leaf and its events."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from adapters.postgres import (
    attestations,
    events,
    execution_modes,
    ledger,
    outages,
    payments,
    policies,
    sla,
    webhooks,
)
from adapters.postgres.database import Database
from adapters.postgres.outages import Dossier
from domain import evidence
from domain.audit import by_engine, leaf
from domain.digests import instant
from domain.errors import Conflict
from domain.events import Event, EventType, event, event_id
from domain.outages import (
    Amending,
    Cancelling,
    Closure,
    Declaration,
    Declaring,
    Judgement,
    Judging,
    OutageStatus,
    Recorded,
)
from domain.payments import Closing, Payment, Settling
from domain.sla import SlaStatus, Verdict, judge, payable
from workflows.outages import OutageSteps


class OutageActivities(OutageSteps):
    def __init__(self, database: Database, network: str, *, attests: bool = False) -> None:
        self.database = database
        self.network = network
        # Verdicts wait for the SLA contract's word.
        self.attests = attests

    @activity.defn
    async def record_outage(self, declaring: Declaring) -> Recorded:
        declaration, at = declaring.declaration, declaring.at
        outage, request = declaration.outage, declaration.request
        async with self.database.transaction() as connection:
            policy = await policies.in_force(connection, declaration.policy, outage.detected_at)
            created = await outages.add(connection, declaration, policy, at)
            if not created:
                policy = (await _known(connection, declaration)).policy
            facts = evidence.of_outage(outage, policy)
            deliveries = await events.publish(
                connection,
                leaf(f"outage/{outage.id}", "outage.declared", request, at, facts),
                event(EventType.OUTAGE_CREATED, outage.id, at, facts),
            )
        return Recorded(
            created,
            outage.fingerprint(),
            request.correlation_id,
            policy.name,
            policy.version,
            policy.dispute_window_seconds,
            policy.ruling_window_seconds,
            deliveries,
        )

    @activity.defn
    async def amend_outage(self, amending: Amending) -> None:
        outage_id, amendment = amending.outage_id, amending.amendment
        async with self.database.transaction() as connection:
            await outages.lock(connection, outage_id)
            await outages.amend(connection, outage_id, amendment.changes)
            await events.publish(
                connection,
                leaf(
                    f"outage/{outage_id}",
                    "outage.amended",
                    amendment.request,
                    amending.at,
                    amendment.changes,
                    amending.key,
                ),
            )

    @activity.defn
    async def cancel_outage(self, cancelling: Cancelling) -> Closure:
        outage_id, at = cancelling.outage_id, cancelling.at
        request = cancelling.cancellation.request
        facts = {"outage_id": outage_id, "reason": cancelling.cancellation.reason}
        async with self.database.transaction() as connection:
            await outages.move(connection, outage_id, OutageStatus.CANCELLED, closed_at=at)
            deliveries = await events.publish(
                connection,
                leaf(f"outage/{outage_id}", "outage.cancelled", request, at, facts),
                event(EventType.OUTAGE_CANCELLED, outage_id, at, facts),
            )
        return Closure(outage_id, deliveries)

    @activity.defn
    async def judge_outage(self, judging: Judging) -> Judgement:
        outage_id, resolution, at = judging.outage_id, judging.resolution, judging.at
        deadline = at + timedelta(seconds=judging.dispute_window_seconds)
        async with self.database.transaction() as connection:
            dossier = await outages.lock(connection, outage_id)
            if dossier.judged is not None:
                return await _judgement(connection, dossier)
            outage, policy = dossier.outage, dossier.policy
            resolved_at, mttr = resolution.settled_times(outage)
            verdict = judge(policy.terms[outage.severity], mttr)
            payable(verdict)  # refused now, not when the money is due
            basis = "measured" if resolution.mttr_minutes is None else "stated"
            await outages.move(
                connection,
                outage_id,
                OutageStatus.DISPUTABLE,
                resolved_at=resolved_at,
                dispute_deadline=deadline,
                **resolution.told(),
            )
            debt = await payments.foreseen(connection, self.network, dossier, 1, verdict, at)
            await sla.add(connection, outage, 1, verdict, basis, policy, at, debt.id)
            attest = self.attests or await execution_modes.attests(connection)
            if attest:
                await attestations.want(connection, outage_id, 1, at)
            facts = evidence.of_verdict(outage, 1, verdict, policy, resolved_at, basis)
            facts["dispute_deadline"] = instant(deadline)
            deliveries = await events.publish(
                connection,
                leaf(f"outage/{outage_id}", "outage.judged", resolution.request, at, facts),
                *_judged(outage_id, verdict, at, facts),
            )
            await ledger.accrue(connection, debt)
        return Judgement(outage_id, 1, verdict, resolved_at, deadline, deliveries, attest)

    @activity.defn
    async def owe_payment(self, settling: Settling) -> Payment:
        outage_id, revision, at = settling.outage_id, settling.revision, settling.at
        async with self.database.transaction() as connection:
            dossier = await outages.lock(connection, outage_id)
            if dossier.judged is None or dossier.judged[0] != revision:
                raise Conflict(
                    f"revision {revision} is not the newest verdict of outage {outage_id!r}"
                )
            if await attestations.lacking(connection, outage_id, revision):
                raise Conflict(f"the SLA contract has not confirmed revision {revision} yet")
            verdict = dossier.judged[1]
            debt = await payments.foreseen(connection, self.network, dossier, revision, verdict, at)
            payment = await payments.add(connection, debt, at)
            await outages.move(connection, outage_id, OutageStatus.SETTLING)
            await ledger.accrue(connection, payment)
            request, facts = by_engine(payment.correlation_id), evidence.of_payment(payment)
            subject = f"outage/{outage_id}"
            await events.publish(
                connection, leaf(subject, "payment.owed", request, at, facts, str(revision))
            )
        return payment

    @activity.defn
    async def close_outage(self, closing: Closing) -> Closure:
        outage_id, at = closing.outage_id, closing.at
        facts = {
            "outage_id": outage_id,
            "payment_id": closing.receipt.payment_id,
            "transaction_hash": closing.receipt.transaction_hash,
            "amount_stroops": str(closing.receipt.amount_stroops),
        }
        async with self.database.transaction() as connection:
            await outages.move(connection, outage_id, OutageStatus.CLOSED, closed_at=at)
            request = by_engine(closing.correlation_id)
            deliveries = await events.publish(
                connection,
                leaf(f"outage/{outage_id}", "outage.closed", request, at, facts),
                event(EventType.OUTAGE_CLOSED, outage_id, at, facts),
            )
        return Closure(outage_id, deliveries)


async def _known(connection: AsyncConnection, declaration: Declaration) -> Dossier:
    """Refuse a declaration whose id is taken, unless this very request took it."""
    outage = declaration.outage
    known = await outages.lock(connection, outage.id)
    if known.fingerprint != outage.fingerprint():
        raise Conflict(
            f"outage {outage.id!r} was declared before with different content; use another id"
        )
    if known.correlation_id != declaration.request.correlation_id:
        raise Conflict(f"outage {outage.id!r} is recorded already")
    return known


async def _judgement(connection: AsyncConnection, dossier: Dossier) -> Judgement:
    """Read back a judgement that was recorded by a run whose answer was lost: it stands."""
    assert dossier.judged is not None
    assert dossier.resolved_at is not None
    assert dossier.dispute_deadline is not None
    outage_id, (revision, verdict) = dossier.outage.id, dossier.judged
    kinds = (EventType.OUTAGE_RESOLVED, EventType.SLA_BREACHED)
    deliveries = await webhooks.called_for(
        connection, *(event_id(kind, outage_id) for kind in kinds)
    )
    ended, deadline = dossier.resolved_at, dossier.dispute_deadline
    attest = await attestations.wanted(connection, outage_id, revision)
    return Judgement(outage_id, revision, verdict, ended, deadline, deliveries, attest)


def _judged(outage_id: str, verdict: Verdict, at: datetime, facts: dict[str, Any]) -> list[Event]:
    happened = [event(EventType.OUTAGE_RESOLVED, outage_id, at, facts)]
    if verdict.status is SlaStatus.VIOLATED:
        happened.append(event(EventType.SLA_BREACHED, outage_id, at, facts))
    return happened
