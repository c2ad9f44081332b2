"""Judge a resolved outage: the verdict, what it will owe, and the dispute window."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import attestations, outage_contexts, outages, verdicts
from adapters.postgres.sla.judgements import make_judgement
from adapters.postgres.sla.outage_contexts import OutageContext
from domain import payloads
from domain.accounting.journal import make_accrual
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict, TryAgain
from domain.events import Event, EventType, make_event
from domain.settlement.payments import JudgeOutageResult, make_payment
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import JudgeOutageInput, OutageStatus
from domain.sla.verdicts import (
    MttrBasis,
    SlaStatus,
    Verdict,
    compute_difference,
    judge,
)


async def judge_outage(
    database: Database, judging: JudgeOutageInput, network: str, *, requires_attestation: bool
) -> JudgeOutageResult:
    """
    Judge once; the same request asked again returns the recorded verdict. `network` is the name of the Stellar
    network, from which the id of the payment derives. With `requires_attestation` the verdict waits for the
    contract. Raises Conflict when another request has resolved the outage.
    """
    async with database.transaction() as connection:
        return await judge_outage_within(
            connection, judging, network, requires_attestation=requires_attestation
        )


async def judge_outage_within(
    connection: AsyncConnection,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool = False,
) -> JudgeOutageResult:
    """Judge an outage and its parts together with what else the caller writes."""
    context = await outage_contexts.lock(connection, judging.outage_id, judging.at)
    check_whole(judging.outage_id, context.part_of)
    if context.judged is not None:
        if (context.resolution_key or "") != judging.key:
            outage_rules.check_resolvable(judging.outage_id, context.status)
        return await read_judgement_within(connection, context, network, judging.at)
    if context.status is OutageStatus.DECLARED and context.resolution_key == judging.key:
        raise Conflict(f"outage {judging.outage_id!r} was reopened since this was asked")
    expected = judging.resolution.expected_version
    outage_rules.check_version(judging.outage_id, expected, context.version)
    judgement = await _judge(
        connection, context, judging, network, requires_attestation=requires_attestation
    )
    for part_id in context.parts:
        part = await outage_contexts.lock(connection, part_id, judging.at)
        if part.status is not OutageStatus.DECLARED:
            continue
        # By its own agreement's terms, and open to disputes for as long as those say.
        its_own = replace(judging, dispute_window_seconds=part.policy.dispute_window_seconds)
        await _judge(connection, part, its_own, network, requires_attestation=requires_attestation)
    return judgement


async def _judge(
    connection: AsyncConnection,
    context: OutageContext,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool,
) -> JudgeOutageResult:
    outage, policy, resolution = context.outage, context.policy, judging.resolution
    at, by, revision = judging.at, resolution.request, context.revisions + 1
    deadline = at + timedelta(seconds=judging.dispute_window_seconds)
    resolved_at, mttr = resolution.get_times(outage)
    verdict = judge(policy.terms[outage.severity], mttr)
    basis = _find_basis(context, judging, verdict)
    debt = make_payment(
        network, context.agreement, outage.id, revision, verdict, context.correlation_id
    )
    payload = payloads.describe_verdict(outage, revision, verdict, policy, resolved_at, basis.name)
    payload["dispute_deadline"] = format_instant(deadline)
    subject, key = f"outage/{outage.id}", _make_key(revision)
    entry = make_audit_entry(subject, "outage.judged", by, at, payload, *key)
    published = [(entry, _make_events(outage.id, verdict, at, payload, *key))]
    resolved = {"resolved_at": resolved_at, "dispute_deadline": deadline}
    judged = await journal.change(
        connection,
        make_judgement(
            verdicts.describe(outage, revision, verdict, basis, policy, at, debt.id),
            resolved | {"resolution_key": judging.key} | resolution.get_notes(),
        ),
        [make_accrual(debt)],
        events.make_consequence(published),
    )
    if judged is None:  # which is refused here
        await outages.require(connection, outage.id, OutageStatus.DISPUTABLE)
        raise TryAgain(f"outage {outage.id!r} was judged by another process meanwhile")
    if attest := requires_attestation or context.attests:
        await attestations.require_attestation(connection, outage.id, revision, at)
    return JudgeOutageResult(
        outage.id, revision, verdict, debt, resolved_at, deadline, attest, judged["version"]
    )


def _find_basis(context: OutageContext, judging: JudgeOutageInput, verdict: Verdict) -> MttrBasis:
    """Return whether the minutes are measured or stated, and what they change against the measured ones."""
    outage, resolution = context.outage, judging.resolution
    name = "measured" if resolution.mttr_minutes is None else "stated"
    measured = resolution.measure(outage, judging.at)
    terms = context.policy.terms[outage.severity]
    return MttrBasis(name, measured, compute_difference(terms, verdict, measured))


async def read_judgement_within(
    connection: AsyncConnection, context: OutageContext, network: str, at: datetime
) -> JudgeOutageResult:
    """Read back a judgement that is on record: it stands."""
    assert context.judged is not None
    assert context.resolved_at is not None
    assert context.dispute_deadline is not None
    outage_id, (revision, verdict) = context.outage.id, context.judged
    ended, deadline = context.resolved_at, context.dispute_deadline
    attest = await attestations.is_required(connection, outage_id, revision)
    debt = await payments.preview_payment(connection, network, context, revision, verdict, at)
    return JudgeOutageResult(
        outage_id, revision, verdict, debt, ended, deadline, attest, context.version
    )


def _make_key(revision: int) -> tuple[str, ...]:
    """Return what tells the verdicts on an outage apart that is reopened; nothing for the first."""
    return () if revision == 1 else (str(revision),)


def _make_events(
    outage_id: str, verdict: Verdict, at: datetime, payload: dict[str, Any], *key: str
) -> list[Event]:
    breached = verdict.status is SlaStatus.VIOLATED
    judged = EventType.SLA_BREACHED if breached else EventType.SLA_MET
    kinds = (EventType.OUTAGE_RESOLVED, judged)
    return [make_event(kind, outage_id, at, payload, *key) for kind in kinds]
