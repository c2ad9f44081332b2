"""Judge a resolved outage: the verdict, what it will owe, and the dispute window."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import (
    attestations,
    events,
    execution_modes,
    ledger,
    outages,
    payments,
    sla,
    webhooks,
)
from adapters.postgres.database import Database
from adapters.postgres.outages import Dossier
from domain import evidence
from domain.audit import leaf
from domain.digests import instant
from domain.events import Event, EventType, event, event_id
from domain.outages import Judgement, Judging, OutageStatus
from domain.sla import SlaStatus, Verdict, judge, payable


async def judge_outage(
    database: Database, judging: Judging, network: str, *, attests: bool
) -> Judgement:
    """Judge once; a repeated run answers what stands. `attests`: it waits for the contract's word."""
    async with database.transaction() as connection:
        dossier = await outages.lock(connection, judging.outage_id)
        if dossier.judged is not None:
            return await _standing(connection, dossier)
        return await _judge(connection, dossier, judging, network, attests=attests)


async def _judge(
    connection: AsyncConnection, dossier: Dossier, judging: Judging, network: str, *, attests: bool
) -> Judgement:
    outage, policy = dossier.outage, dossier.policy
    resolution, at = judging.resolution, judging.at
    deadline = at + timedelta(seconds=judging.dispute_window_seconds)
    resolved_at, mttr = resolution.settled_times(outage)
    verdict = judge(policy.terms[outage.severity], mttr)
    payable(verdict)  # refused now, not when the money is due
    basis = "measured" if resolution.mttr_minutes is None else "stated"
    times = {"resolved_at": resolved_at, "dispute_deadline": deadline}
    await outages.move(connection, outage.id, OutageStatus.DISPUTABLE, **times, **resolution.told())
    debt = await payments.foreseen(connection, network, dossier, 1, verdict, at)
    await sla.add(connection, outage, 1, verdict, basis, policy, at, debt.id)
    attest = attests or await execution_modes.attests(connection)
    if attest:
        await attestations.want(connection, outage.id, 1, at)
    facts = evidence.of_verdict(outage, 1, verdict, policy, resolved_at, basis)
    facts["dispute_deadline"] = instant(deadline)
    deliveries = await events.publish(
        connection,
        leaf(f"outage/{outage.id}", "outage.judged", resolution.request, at, facts),
        *_judged(outage.id, verdict, at, facts),
    )
    await ledger.accrue(connection, debt)
    return Judgement(outage.id, 1, verdict, resolved_at, deadline, deliveries, attest)


async def _standing(connection: AsyncConnection, dossier: Dossier) -> Judgement:
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
