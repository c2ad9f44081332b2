"""Judge a resolved outage: the verdict, what it will owe, and the dispute window."""

from dataclasses import replace
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
from domain.settlement.payments import JudgeOutageResult
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import JudgeOutageInput, OutageStatus
from domain.sla.verdicts import (
    SlaStatus,
    Verdict,
    judge,
)


async def judge_outage(
    database: Database, judging: JudgeOutageInput, network: str, *, requires_attestation: bool
) -> JudgeOutageResult:
    """
    Judge once; the same request asked again returns the recorded verdict. With `requires_attestation`
    the verdict waits for the contract. Raises Conflict when another request has resolved the outage.
    """
    async with database.transaction() as connection:
        context = await outages.lock(connection, judging.outage_id)
        check_whole(judging.outage_id, context.part_of)
        if context.judged is not None:
            if (context.resolution_key or "") != judging.key:
                outage_rules.check_resolvable(judging.outage_id, context.status)
            return await read_judgement_within(connection, context, network, judging.at)
        expected = judging.resolution.expected_version
        outage_rules.check_version(judging.outage_id, expected, context.version)
        judgement = await _judge(
            connection, context, judging, network, requires_attestation=requires_attestation
        )
        for part_id in context.parts:
            part = await outages.lock(connection, part_id)
            if part.status is not OutageStatus.DECLARED:
                continue
            # By its own agreement's terms, and open to disputes for as long as those say.
            its_own = replace(judging, dispute_window_seconds=part.policy.dispute_window_seconds)
            await _judge(
                connection, part, its_own, network, requires_attestation=requires_attestation
            )
        return judgement


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
    basis = "measured" if resolution.mttr_minutes is None else "stated"
    times = {"resolved_at": resolved_at, "dispute_deadline": deadline}
    version = await outages.move(
        connection,
        outage.id,
        OutageStatus.DISPUTABLE,
        **times,
        **resolution.get_notes(),
        resolution_key=judging.key,
    )
    debt = await payments.preview_payment(connection, network, context, 1, verdict, at)
    await verdicts.add(connection, outage, 1, verdict, basis, policy, at, debt.id)
    attest = requires_attestation or await execution_modes.requires_attestation(connection)
    if attest:
        await attestations.require_attestation(connection, outage.id, 1, at)
    payload = payloads.describe_verdict(outage, 1, verdict, policy, resolved_at, basis)
    payload["dispute_deadline"] = format_instant(deadline)
    deliveries = await events.publish(
        connection,
        make_audit_entry(f"outage/{outage.id}", "outage.judged", resolution.request, at, payload),
        *_make_events(outage.id, verdict, at, payload),
    )
    await journal.accrue(connection, debt)
    return JudgeOutageResult(
        outage.id, 1, verdict, debt, resolved_at, deadline, deliveries, attest, version
    )


async def read_judgement_within(
    connection: AsyncConnection, context: OutageContext, network: str, at: datetime
) -> JudgeOutageResult:
    """Read back a judgement that is on record: it stands."""
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
    debt = await payments.preview_payment(connection, network, context, revision, verdict, at)
    return JudgeOutageResult(
        outage_id, revision, verdict, debt, ended, deadline, deliveries, attest, context.version
    )


def _make_events(
    outage_id: str, verdict: Verdict, at: datetime, payload: dict[str, Any]
) -> list[Event]:
    happened = [make_event(EventType.OUTAGE_RESOLVED, outage_id, at, payload)]
    if verdict.status is SlaStatus.VIOLATED:
        happened.append(make_event(EventType.SLA_BREACHED, outage_id, at, payload))
    return happened
