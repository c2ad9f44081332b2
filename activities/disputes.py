"""Keep the record of a dispute: filed, and decided once."""

from datetime import datetime, timedelta

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from adapters.postgres import (
    attestations,
    disputes,
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
from domain.audit import by_engine, leaf
from domain.digests import instant
from domain.disputes import Deciding, DisputeStatus, Filed, Filing, ReviewDisputeInput, Ruling
from domain.errors import Conflict
from domain.events import EventType, event, event_id
from domain.outages import Judgement, OutageStatus, Request
from domain.payments import payment_id
from domain.sla import Verdict, judge, payable
from workflows.disputes import DisputeSteps


class DisputeActivities(DisputeSteps):
    def __init__(self, database: Database, network: str, *, attests: bool = False) -> None:
        self.database = database
        self.network = network
        # Verdicts wait for the SLA contract's word.
        self.attests = attests

    @activity.defn
    async def file_dispute(self, filing: Filing) -> Filed:
        dispute, at = filing.dispute, filing.at
        deadline = at + timedelta(seconds=filing.ruling_window_seconds)
        facts = {
            "dispute_id": dispute.id,
            "outage_id": dispute.outage_id,
            "revision": filing.revision,
            "reason": dispute.reason,
            "ruling_deadline": instant(deadline),
        }
        async with self.database.transaction() as connection:
            await outages.lock(connection, dispute.outage_id)
            known = await disputes.open_on(connection, dispute.outage_id)
            if known is not None:
                return await _filed(connection, known)
            await outages.move(connection, dispute.outage_id, OutageStatus.DISPUTED)
            await disputes.add(connection, dispute, filing.revision, at, deadline)
            subject = f"outage/{dispute.outage_id}"
            deliveries = await events.publish(
                connection,
                leaf(subject, "dispute.filed", dispute.request, at, facts, dispute.id),
                event(EventType.DISPUTE_OPENED, dispute.outage_id, at, facts, dispute.id),
            )
        return Filed(dispute.id, deadline, deliveries)

    @activity.defn
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> None:
        dispute_id, by, at = reviewing.review.dispute_id, reviewing.review.request, reviewing.at
        async with self.database.transaction() as connection:
            await outages.lock(connection, reviewing.outage_id)
            if not await disputes.take_up(connection, dispute_id, by.actor, at):
                known = await disputes.get(connection, dispute_id)
                if known["reviewed_by"] != by.actor:
                    raise Conflict(
                        f"dispute {dispute_id} is under review by {known['reviewed_by']} already"
                    )
                return  # by an earlier run, or asked again
            facts = {"dispute_id": dispute_id, "reviewed_by": by.actor}
            subject = f"outage/{reviewing.outage_id}"
            await events.publish(
                connection, leaf(subject, "dispute.review_began", by, at, facts, dispute_id)
            )

    @activity.defn
    async def decide_dispute(self, deciding: Deciding) -> Judgement:
        outage_id, ruling, at = deciding.outage_id, deciding.ruling, deciding.at
        async with self.database.transaction() as connection:
            dossier = await outages.lock(connection, outage_id)
            dispute = await disputes.get(connection, deciding.dispute_id)
            by = ruling.request if ruling else by_engine(dossier.correlation_id)
            status, note = _decision(ruling)
            decided = await disputes.decide(
                connection, deciding.dispute_id, status, by.actor, at, note
            )
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
                await self._judge_again(connection, dossier, revision, verdict, by, at)
                if self.attests or await execution_modes.attests(connection):
                    await attestations.want(connection, outage_id, revision, at)
            attest = await attestations.wanted(connection, outage_id, revision)
        assert dossier.resolved_at is not None
        assert dossier.dispute_deadline is not None
        ended, deadline = dossier.resolved_at, dossier.dispute_deadline
        return Judgement(outage_id, revision, verdict, ended, deadline, deliveries, attest)

    async def _judge_again(
        self,
        connection: AsyncConnection,
        dossier: Dossier,
        revision: int,
        verdict: Verdict,
        by: Request,
        at: datetime,
    ) -> None:
        """Put the new verdict on record, and what it owes in the place of what the last one did."""
        outage, policy = dossier.outage, dossier.policy
        assert dossier.resolved_at is not None
        debt = await payments.foreseen(connection, self.network, dossier, revision, verdict, at)
        await sla.add(connection, outage, revision, verdict, "ruled", policy, at, debt.id)
        facts = evidence.of_verdict(outage, revision, verdict, policy, dossier.resolved_at, "ruled")
        told = leaf(f"outage/{outage.id}", "outage.judged", by, at, facts, str(revision))
        await events.publish(connection, told)
        replaced = payment_id(self.network, dossier.agreement.name, outage.id, revision - 1)
        await ledger.accrue_instead(connection, debt, replaced)


async def _filed(connection: AsyncConnection, known: RowMapping) -> Filed:
    """Read back a dispute that was recorded by a run whose answer was lost: it is the open one."""
    opened = event_id(EventType.DISPUTE_OPENED, known["outage_id"], known["id"])
    deliveries = await webhooks.called_for(connection, opened)
    return Filed(known["id"], known["ruling_deadline"], deliveries)


def _decision(ruling: Ruling | None) -> tuple[DisputeStatus, str]:
    if ruling is None:
        return DisputeStatus.EXPIRED, "nobody ruled in time; the verdict stands"
    return (DisputeStatus.RESOLVED if ruling.upheld else DisputeStatus.REJECTED), ruling.note


def _verdict(dossier: Dossier, disputed: int, ruling: Ruling | None) -> tuple[int, Verdict]:
    """Return the revision and the verdict that hold after a ruling on revision `disputed`."""
    if dossier.judged is None:
        raise Conflict(f"outage {dossier.outage.id!r} has no verdict to rule on")
    if ruling is None or ruling.mttr_minutes is None or dossier.judged[0] > disputed:
        return dossier.judged
    verdict = judge(dossier.policy.terms[dossier.outage.severity], ruling.mttr_minutes)
    payable(verdict)  # refused now, not when the money is due
    return disputed + 1, verdict
