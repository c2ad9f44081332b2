"""Judge a resolved outage: the verdict, what it will owe, and the dispute window."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, webhooks
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import (
    attestations,
    execution_modes,
    outages,
    verdicts,
)
from adapters.postgres.sla.outages import OutageContext
from domain import payloads
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.events import Event, EventType, derive_event_id, make_event
from domain.sla.outages import JudgeOutageInput, JudgeOutageResult, OutageStatus
from domain.sla.verdicts import (
    SlaStatus,
    Verdict,
    compute_payable,
    judge,
)


async def judge_outage(
    database: Database, judging: JudgeOutageInput, network: str, *, requires_attestation: bool
) -> JudgeOutageResult:
    """Judge once; a repeated run answers what stands. `requires_attestation`: it waits for the contract's confirmation."""
    async with database.transaction() as connection:
        context = await outages.lock(connection, judging.outage_id)
        if context.judged is not None:
            return await _read_recorded(connection, context)
        return await _judge(
            connection, context, judging, network, requires_attestation=requires_attestation
        )


async def _judge(
    connection: AsyncConnection,
    context: OutageContext,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool,
) -> JudgeOutageResult:
    outage, policy = context.outage, context.policy
    resolution, at = judging.resolution, judging.at
    deadline = at + timedelta(seconds=judging.dispute_window_seconds)
    resolved_at, mttr = resolution.get_times(outage)
    verdict = judge(policy.terms[outage.severity], mttr)
    compute_payable(verdict)  # refused now, not when the money is due
    basis = "measured" if resolution.mttr_minutes is None else "stated"
    times = {"resolved_at": resolved_at, "dispute_deadline": deadline}
    await outages.move(
        connection, outage.id, OutageStatus.DISPUTABLE, **times, **resolution.get_notes()
    )
    debt = await payments.preview_payment(connection, network, context, 1, verdict, at)
    await verdicts.add(connection, outage, 1, verdict, basis, policy, at, debt.id)
    attest = requires_attestation or await execution_modes.requires_attestation(connection)
    if attest:
        await attestations.require_attestation(connection, outage.id, 1, at)
    facts = payloads.describe_verdict(outage, 1, verdict, policy, resolved_at, basis)
    facts["dispute_deadline"] = format_instant(deadline)
    deliveries = await events.publish(
        connection,
        make_audit_entry(f"outage/{outage.id}", "outage.judged", resolution.request, at, facts),
        *_make_events(outage.id, verdict, at, facts),
    )
    await journal.accrue(connection, debt)
    return JudgeOutageResult(outage.id, 1, verdict, resolved_at, deadline, deliveries, attest)


async def _read_recorded(connection: AsyncConnection, context: OutageContext) -> JudgeOutageResult:
    """Read back a judgement that was recorded by a run whose answer was lost: it stands."""
    assert context.judged is not None
    assert context.resolved_at is not None
    assert context.dispute_deadline is not None
    outage_id, (revision, verdict) = context.outage.id, context.judged
    kinds = (EventType.OUTAGE_RESOLVED, EventType.SLA_BREACHED)
    deliveries = await webhooks.find_deliveries(
        connection, *(derive_event_id(kind, outage_id) for kind in kinds)
    )
    ended, deadline = context.resolved_at, context.dispute_deadline
    attest = await attestations.is_required(connection, outage_id, revision)
    return JudgeOutageResult(outage_id, revision, verdict, ended, deadline, deliveries, attest)


def _make_events(
    outage_id: str, verdict: Verdict, at: datetime, facts: dict[str, Any]
) -> list[Event]:
    happened = [make_event(EventType.OUTAGE_RESOLVED, outage_id, at, facts)]
    if verdict.status is SlaStatus.VIOLATED:
        happened.append(make_event(EventType.SLA_BREACHED, outage_id, at, facts))
    return happened
