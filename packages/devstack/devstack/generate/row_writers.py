"""The rows of generated outages, as COPY takes them: a table's columns, and a tuple for each row."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devstack.generate.generated_outages import GeneratedOutage
from domain.digests import derive_id

Row = tuple[Any, ...]
AT_ONCE = 100
OUTAGES = (
    *("id", "status", "verdict_status", "severity", "site_name", "site_id", "description"),
    *("affected_services", "affected_subscribers", "assigned_to", "root_cause", "detected_at"),
    *("declared_at", "resolved_at", "dispute_deadline", "closed_at", "fingerprint"),
    *("correlation_id", "agreement", "agreement_version", "names_agreement", "customer", "policy"),
    *("policy_version", "version", "changed_at"),
)
VERDICTS = (
    *("outage_id", "revision", "severity", "status", "payment_type", "rating", "mttr_minutes"),
    *("mttr_basis", "measured_minutes", "difference_stroops", "threshold_minutes"),
    *("amount_stroops", "policy", "policy_version", "policy_digest", "judged_at", "payment_id"),
)
DISPUTES = (
    *("id", "outage_id", "revision", "status", "reason", "filed_by", "party", "created_at"),
    *("decision_deadline", "decided_by", "decided_at", "resolution_note", "decided_mttr_minutes"),
)


@dataclass
class RowBatch:
    """Rows by their table, with the columns that they have."""

    columns: dict[str, Sequence[str]] = field(default_factory=dict)
    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        self.columns[table] = columns
        self.rows[table].extend(rows)


@dataclass(frozen=True)
class GeneratedTerms:
    """The policy that all generated outages are judged by, and who pays."""

    policy: str
    version: int
    digest: str
    bond: str
    pool: str


def derive_payment_id(outage: GeneratedOutage, revision: int) -> str:
    return derive_id("pay", outage.id, str(revision))


def write_outages(
    batch: RowBatch, terms: GeneratedTerms, outages: Sequence[GeneratedOutage]
) -> None:
    batch.add("outages", OUTAGES, (_make_outage(each, terms) for each in outages))
    batch.add("sla_results", VERDICTS, (row for each in outages for row in _judge(each, terms)))
    batch.add("disputes", DISPUTES, (_make_dispute(each) for each in outages if each.is_disputed))


def _make_outage(outage: GeneratedOutage, terms: GeneratedTerms) -> Row:
    changed = outage.closed_at or outage.resolved_at or outage.declared_at
    judged = outage.verdicts[-1].status if outage.verdicts else None
    description = f"{outage.cause} at {outage.site.name}, ticket {outage.n * 7919 % 9_999_991:07}"
    return (
        *(outage.id, outage.status, judged, outage.severity, outage.site.name, outage.site.id),
        *(description, json.dumps(outage.services), outage.subscribers, outage.assigned_to),
        *(outage.cause if outage.resolved_at else None, outage.detected_at, outage.declared_at),
        *(outage.resolved_at, outage.deadline, outage.closed_at, _hash(outage.id)),
        *(f"gen-{outage.n}", outage.agreement.name, 1, True, outage.agreement.beneficiary_party),
        *(terms.policy, terms.version, 1 + 3 * (outage.resolved_at is not None), changed),
    )


def _judge(outage: GeneratedOutage, terms: GeneratedTerms) -> list[Row]:
    assert outage.resolved_at or not outage.verdicts
    return [
        (
            *(outage.id, revision, outage.severity, verdict.status, verdict.payment_type),
            *(verdict.rating, verdict.mttr_minutes, "measured" if revision == 1 else "decided"),
            *(outage.minutes, 0, verdict.threshold_minutes, verdict.amount_stroops),
            *(terms.policy, terms.version, terms.digest, _after(outage.resolved_at, revision)),
            derive_payment_id(outage, revision),
        )
        for revision, verdict in enumerate(outage.verdicts, 1)
    ]


def _make_dispute(outage: GeneratedOutage) -> Row:
    filed = _after(outage.resolved_at, 30)
    decided = outage.closed_at is not None
    upheld = len(outage.verdicts) > 1
    status = ("resolved" if upheld else "rejected") if decided else "open"
    return (
        *(derive_id("dsp", outage.id), outage.id, 1, status, "The clock began too early"),
        *("customer", outage.agreement.beneficiary_party, filed, filed + timedelta(days=14)),
        *("reviewer" if decided else None, filed + timedelta(hours=2) if decided else None),
        *("Compared with the monitoring" if decided else None,),
        outage.verdicts[-1].mttr_minutes if upheld else None,
    )


def _after(instant: datetime | None, minutes: int) -> datetime:
    assert instant is not None
    return instant + timedelta(minutes=minutes)


def _hash(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()
