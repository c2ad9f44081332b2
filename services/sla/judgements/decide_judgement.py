"""Decide the judgement of an outage that is resolved: what is written of it, of one or of many at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from adapters.postgres.sla import verdicts
from adapters.postgres.sla.outage_contexts import OutageContext
from domain import payloads
from domain.accounting.journal import Entry, make_accrual
from domain.audit import AuditEntry, make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
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


def check_judgeable(context: OutageContext, judging: JudgeOutageInput) -> bool:
    """Return whether an outage is to be judged: False when this very request had it judged. Raises Refused."""
    check_whole(judging.outage_id, context.part_of)
    if context.judged is not None:
        if (context.resolution_key or "") != judging.key:
            outage_rules.check_resolvable(judging.outage_id, context.status)
        return False
    if context.status is OutageStatus.DECLARED and context.resolution_key == judging.key:
        raise Conflict(f"outage {judging.outage_id!r} was reopened since this was asked")
    expected = judging.resolution.expected_version
    outage_rules.check_version(judging.outage_id, expected, context.version)
    return True


def make_part_input(judging: JudgeOutageInput, part: OutageContext) -> JudgeOutageInput | None:
    """Return how a part is judged with its outage; None when it is not open any more."""
    if part.status is not OutageStatus.DECLARED:
        return None
    # By its own agreement's terms, and open to disputes for as long as those say.
    return replace(
        judging,
        outage_id=part.outage.id,
        dispute_window_seconds=part.policy.dispute_window_seconds,
    )


@dataclass(frozen=True, slots=True)
class DecidedJudgement:
    """A judgement that is not written yet: the row of its verdict, what its outage is resolved with, and so on."""

    verdict: dict[str, Any]
    resolved: dict[str, Any]
    accrual: Entry
    entry: AuditEntry
    events: Sequence[Event]
    result: JudgeOutageResult


def decide_judgement(
    context: OutageContext,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool = False,
) -> DecidedJudgement:
    """Decide all that is written of a judgement, whose version is only known once it is."""
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
    key = _make_key(revision)
    resolved = {"resolved_at": resolved_at, "dispute_deadline": deadline}
    attest = requires_attestation or context.attests
    return DecidedJudgement(
        verdicts.describe(outage, revision, verdict, basis, policy, at, debt.id),
        resolved | {"resolution_key": judging.key} | resolution.get_notes(),
        make_accrual(debt),
        make_audit_entry(f"outage/{outage.id}", "outage.judged", by, at, payload, *key),
        _make_events(outage.id, verdict, at, payload, *key),
        JudgeOutageResult(outage.id, revision, verdict, debt, resolved_at, deadline, attest),
    )


def _find_basis(context: OutageContext, judging: JudgeOutageInput, verdict: Verdict) -> MttrBasis:
    """Return whether the minutes are measured or stated, and what they change against the measured ones."""
    outage, resolution = context.outage, judging.resolution
    name = "measured" if resolution.mttr_minutes is None else "stated"
    measured = resolution.measure(outage, judging.at)
    terms = context.policy.terms[outage.severity]
    return MttrBasis(name, measured, compute_difference(terms, verdict, measured))


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
