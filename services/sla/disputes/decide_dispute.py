"""Decide a dispute once, and judge the outage again where the ruling says so."""

from datetime import datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import (
    attestations,
    disputes,
    events,
    execution_modes,
    ledger,
    outages,
    payments,
    sla,
)
from adapters.postgres.database import Database
from adapters.postgres.outages import Dossier
from domain import evidence
from domain.audit import by_engine, leaf
from domain.disputes import Deciding, DisputeStatus, Ruling
from domain.errors import Conflict
from domain.events import EventType, event
from domain.outages import Judgement, Request
from domain.payments import payment_id
from domain.sla import Verdict, judge, payable


async def decide_dispute(
    database: Database, deciding: Deciding, network: str, *, attests: bool
) -> Judgement:
    """Return the verdict that holds after the decision, with the deliveries that tell of it."""
    async with database.transaction() as connection:
        dossier = await outages.lock(connection, deciding.outage_id)
        dispute = await disputes.get(connection, deciding.dispute_id)
        return await _decide(connection, dossier, dispute, deciding, network, attests=attests)


async def _decide(
    connection: AsyncConnection,
    dossier: Dossier,
    dispute: RowMapping,
    deciding: Deciding,
    network: str,
    *,
    attests: bool,
) -> Judgement:
    outage_id, ruling, at = deciding.outage_id, deciding.ruling, deciding.at
    by = ruling.request if ruling else by_engine(dossier.correlation_id)
    status, note = _decision(ruling)
    decided = await disputes.decide(connection, deciding.dispute_id, status, by.actor, at, note)
    # A ruling recorded by a run whose answer was lost stands, whatever is ruled now.
    revision, verdict = _verdict(dossier, dispute["revision"], ruling if decided else None)
    facts = {
        "dispute_id": deciding.dispute_id,
        "outage_id": outage_id,
        "status": status,
        "note": note,
        "revision": revision,
        "sla_status": verdict.status,
        "mttr_minutes": verdict.mttr_minutes,
        "amount_stroops": str(verdict.amount_stroops),
    }
    deliveries = await events.publish(
        connection,
        leaf(f"outage/{outage_id}", "dispute.decided", by, at, facts, dispute["id"]),
        event(EventType.DISPUTE_RESOLVED, outage_id, at, facts, dispute["id"]),
    )
    if decided and revision > dispute["revision"]:
        await _judge_again(connection, dossier, revision, verdict, by, at, network)
        if attests or await execution_modes.attests(connection):
            await attestations.want(connection, outage_id, revision, at)
    attest = await attestations.wanted(connection, outage_id, revision)
    assert dossier.resolved_at is not None
    assert dossier.dispute_deadline is not None
    ended, deadline = dossier.resolved_at, dossier.dispute_deadline
    return Judgement(outage_id, revision, verdict, ended, deadline, deliveries, attest)


async def _judge_again(
    connection: AsyncConnection,
    dossier: Dossier,
    revision: int,
    verdict: Verdict,
    by: Request,
    at: datetime,
    network: str,
) -> None:
    """Put the new verdict on record, and what it owes in the place of what the last one did."""
    outage, policy = dossier.outage, dossier.policy
    assert dossier.resolved_at is not None
    debt = await payments.foreseen(connection, network, dossier, revision, verdict, at)
    await sla.add(connection, outage, revision, verdict, "ruled", policy, at, debt.id)
    facts = evidence.of_verdict(outage, revision, verdict, policy, dossier.resolved_at, "ruled")
    told = leaf(f"outage/{outage.id}", "outage.judged", by, at, facts, str(revision))
    await events.publish(connection, told)
    replaced = payment_id(network, dossier.agreement.name, outage.id, revision - 1)
    await ledger.accrue_instead(connection, debt, replaced)


def _decision(ruling: Ruling | None) -> tuple[DisputeStatus, str]:
    if ruling is None:
        return DisputeStatus.EXPIRED, "nobody ruled in time; the verdict stands"
    return (DisputeStatus.RESOLVED if ruling.upheld else DisputeStatus.REJECTED), ruling.note


def _verdict(dossier: Dossier, disputed: int, ruling: Ruling | None) -> tuple[int, Verdict]:
    """Return the revision and the verdict that hold after a ruling on revision `disputed`."""
    if dossier.judged is None:
        raise Conflict(f"outage {dossier.outage.id!r} has no verdict to decide a dispute about")
    if ruling is None or ruling.mttr_minutes is None or dossier.judged[0] > disputed:
        return dossier.judged
    verdict = judge(dossier.policy.terms[dossier.outage.severity], ruling.mttr_minutes)
    payable(verdict)  # refused now, not when the money is due
    return disputed + 1, verdict
