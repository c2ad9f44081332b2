"""
The audit trail and the events of generated outages: what was declared, judged, disputed and ended.

They are made here as domain/audit.py makes them, and several times as quick: there is nothing but plain ASCII in them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from devstack.generate.generated_outages import GeneratedOutage
from devstack.generate.row_writers import RowBatch
from domain.digests import derive_id, format_instant
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import SlaStatus

AUDIT = ("id", "subject", "action", "actor", "correlation_id", "recorded_at", "content", "hash")
EVENTS = ("id", "type", "entry_id", "outage_id", "outage_sequence", "occurred_at", "data")
COUNTS = ("outage_id", "last")
_ENDS = {
    OutageStatus.CLOSED: ("outage.closed", "outage.closed"),
    OutageStatus.VOIDED: ("payment.voided", "payment.voided"),
    OutageStatus.CANCELLED: ("outage.cancelled", "outage.cancelled"),
}


@dataclass(frozen=True, slots=True)
class GeneratedChange:
    """An entry of the audit trail, and the event that reports it."""

    action: str
    actor: str
    at: datetime
    evidence: dict[str, str]
    event: str


def write_trail(batch: RowBatch, outages: Sequence[GeneratedOutage]) -> None:
    """Write the entries of some outages, each with its event."""
    for outage in outages:
        subject, correlation_id, number = f"outage/{outage.id}", f"gen-{outage.n}", 0
        for number, change in enumerate(list_changes(outage), 1):
            id_ = derive_id("aud", subject, change.action)
            content = render_entry(id_, subject, correlation_id, change)
            row = (id_, subject, change.action, change.actor, correlation_id, change.at)
            hash_ = hashlib.sha256(b"\x00" + content).digest()
            batch.add("audit_entries", AUDIT, [(*row, content, hash_)])
            event = (derive_id("evt", id_), change.event, id_, outage.id, number, change.at)
            batch.add("events", EVENTS, [(*event, f'{{"outage_id":"{outage.id}"}}')])
        batch.add("event_counts", COUNTS, [(outage.id, number)])


def render_entry(id_: str, subject: str, correlation_id: str, change: GeneratedChange) -> bytes:
    """Return the canonical JSON of an entry."""
    content = {
        "id": id_,
        "subject": subject,
        "action": change.action,
        "actor": change.actor,
        "correlation_id": correlation_id,
        "at": format_instant(change.at),
        "evidence": change.evidence,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def list_changes(outage: GeneratedOutage) -> Iterator[GeneratedChange]:
    """Yield what became of an outage, in the order of time."""
    by = outage.assigned_to or "monitoring"
    evidence = {"outage_id": outage.id, "site_name": outage.site.name, "severity": outage.severity}
    yield GeneratedChange("outage.declared", by, outage.declared_at, evidence, "outage.created")
    if outage.resolved_at is not None:
        verdict = outage.verdicts[-1]
        said = evidence | {"amount_stroops": str(verdict.amount_stroops)}
        at = outage.resolved_at + timedelta(minutes=1)
        kind = "sla.breached" if verdict.status is SlaStatus.VIOLATED else "sla.met"
        yield GeneratedChange("outage.judged", by, at, said, kind)
        if outage.is_disputed:
            filed = at + timedelta(minutes=29)
            yield GeneratedChange("dispute.opened", by, filed, evidence, "dispute.opened")
    if outage.closed_at is not None:
        action, kind = _ENDS[outage.status]
        yield GeneratedChange(action, "engine", outage.closed_at, evidence, kind)
