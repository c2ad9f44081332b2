"""Decide a dispute once, and judge the outage again where the decision says so."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import (
    attestations,
    disputes,
    execution_modes,
    outage_contexts,
    outages,
    verdicts,
)
from adapters.postgres.sla.outage_contexts import OutageContext
from domain import payloads
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry, make_engine_request
from domain.errors import Conflict
from domain.events import EventType, make_event
from domain.requests import Request
from domain.settlement.payments import JudgeOutageResult, Payment, derive_payment_id
from domain.sla.disputes import (
    DecideDisputeInput,
    DisputeDecision,
    DisputeRecord,
    DisputeStatus,
    check_withdrawal,
    is_same_decision,
)
from domain.sla.verdicts import MttrBasis, Verdict, compute_difference, judge

_DECIDED = "dispute.decided"
# What is published beside `dispute.resolved`.
_EXPIRED, _WITHDRAWN = EventType.DISPUTE_EXPIRED, EventType.DISPUTE_WITHDRAWN
_KINDS = {DisputeStatus.EXPIRED: (_EXPIRED,), DisputeStatus.WITHDRAWN: (_WITHDRAWN,)}
_ACTIONS = dict.fromkeys(DisputeStatus, _DECIDED) | {DisputeStatus.WITHDRAWN: "dispute.withdrawn"}


async def decide_dispute(
    database: Database, deciding: DecideDisputeInput, network: str, *, requires_attestation: bool
) -> JudgeOutageResult:
    """Return the verdict that holds then. Raises Conflict when the dispute was decided in another way before."""
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, deciding.outage_id)
        dispute = await disputes.get(connection, deciding.dispute_id, EVERYTHING)
        if deciding.decision is not None:
            check_withdrawal(dispute, deciding.decision)
        return await _decide(
            connection,
            context,
            dispute,
            deciding,
            network,
            requires_attestation=requires_attestation,
        )


async def _decide(
    connection: AsyncConnection,
    context: OutageContext,
    dispute: DisputeRecord,
    deciding: DecideDisputeInput,
    network: str,
    *,
    requires_attestation: bool,
) -> JudgeOutageResult:
    outage_id, decision, at = deciding.outage_id, deciding.decision, deciding.at
    by = decision.request if decision else make_engine_request(context.correlation_id)
    status, note = _describe_decision(decision)
    decided = await disputes.decide(
        connection, deciding.dispute_id, status, by.actor, at, note, decision
    )
    if not decided and decision is not None and not is_same_decision(dispute, decision):
        raise Conflict(dispute.describe_decision())
    # A decision recorded by a run whose answer was lost is final, whatever is decided now.
    context = _correct_severity(context, decision if decided else None)
    version = context.version
    if decided:
        version = await outages.advance(connection, outage_id, severity=context.outage.severity)
    revision, verdict = _choose_verdict(context, dispute.revision, decision if decided else None)
    payload = _make_payload(deciding, status, note, revision, verdict)
    await events.publish(
        connection,
        make_audit_entry(f"outage/{outage_id}", _ACTIONS[status], by, at, payload, dispute.id),
        *(
            make_event(kind, outage_id, at, payload, dispute.id)
            for kind in (EventType.DISPUTE_RESOLVED, *_KINDS.get(status, ()))
        ),
    )
    debt = await payments.preview_payment(connection, network, context, revision, verdict, at)
    if decided and revision > dispute.revision:
        await _judge_again(connection, context, verdict, debt, by, at, network)
        if requires_attestation or await execution_modes.requires_attestation(connection):
            await attestations.require_attestations(connection, [(outage_id, revision)], at)
    attest = await attestations.is_required(connection, outage_id, revision)
    ended, deadline = _get_times(context)
    return JudgeOutageResult(outage_id, revision, verdict, debt, ended, deadline, attest, version)


def _get_times(context: OutageContext) -> tuple[datetime, datetime]:
    """Return the end of an outage that is judged, and of its dispute window."""
    assert context.resolved_at is not None
    assert context.dispute_deadline is not None
    return context.resolved_at, context.dispute_deadline


def _make_payload(
    deciding: DecideDisputeInput, status: DisputeStatus, note: str, revision: int, verdict: Verdict
) -> dict[str, Any]:
    return {
        "dispute_id": deciding.dispute_id,
        "outage_id": deciding.outage_id,
        "status": status,
        "note": note,
        "revision": revision,
        "sla_status": verdict.status,
        "mttr_minutes": verdict.mttr_minutes,
        "amount_stroops": str(verdict.amount_stroops),
    }


async def _judge_again(
    connection: AsyncConnection,
    context: OutageContext,
    verdict: Verdict,
    debt: Payment,
    by: Request,
    at: datetime,
    network: str,
) -> None:
    """Put the new verdict on record, and what it owes in the place of what the last one did."""
    outage, policy = context.outage, context.policy
    revision = debt.revision
    assert context.resolved_at is not None
    judged = await verdicts.list_by_outage(connection, outage.id)
    measured = judged[-1].measured_minutes
    difference = compute_difference(policy.terms[outage.severity], verdict, measured)
    basis = MttrBasis("decided", measured, difference)
    await verdicts.add(connection, outage, revision, verdict, basis, policy, at, debt.id)
    payload = payloads.describe_verdict(
        outage, revision, verdict, policy, context.resolved_at, "decided"
    )
    entry = make_audit_entry(f"outage/{outage.id}", "outage.judged", by, at, payload, str(revision))
    revised = make_event(EventType.SLA_REVISED, outage.id, at, payload, str(revision))
    await events.publish(connection, entry, revised)
    replaced = derive_payment_id(network, context.agreement.name, outage.id, revision - 1)
    await journal.replace_accrual(connection, debt, replaced)


def _describe_decision(decision: DisputeDecision | None) -> tuple[DisputeStatus, str]:
    if decision is None:
        return DisputeStatus.EXPIRED, "nobody decided in time; the verdict stands"
    return decision.status, decision.note


def _correct_severity(context: OutageContext, decision: DisputeDecision | None) -> OutageContext:
    """Return the outage with the severity that a decision gives it, by which it is judged then."""
    if decision is None or decision.severity is None:
        return context
    return replace(context, outage=replace(context.outage, severity=decision.severity))


def _choose_verdict(
    context: OutageContext, disputed: int, decision: DisputeDecision | None
) -> tuple[int, Verdict]:
    """Return the revision and the verdict that hold after a decision on revision `disputed`."""
    if context.judged is None:
        raise Conflict(f"outage {context.outage.id!r} has no verdict to decide a dispute about")
    revision, judged = context.judged
    if decision is None or not decision.corrects or revision > disputed:
        return context.judged
    minutes = judged.mttr_minutes if decision.mttr_minutes is None else decision.mttr_minutes
    return disputed + 1, judge(context.policy.terms[context.outage.severity], minutes)
