"""Verdicts in the database: one row per revision, never changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import outages, sla_results
from domain.money import STROOPS_PER_UNIT
from domain.sla.attestations import AttestationRecord, AttestationStatus
from domain.sla.outages import Outage
from domain.sla.policies import Policy
from domain.sla.verdicts import PaymentType, Rating, Severity, SlaStatus, Verdict, VerdictTotals


async def add(
    connection: AsyncConnection,
    outage: Outage,
    revision: int,
    verdict: Verdict,
    basis: str,
    policy: Policy,
    at: datetime,
    payment_id: str,
) -> bool:
    """Insert a verdict and the id of the payment it will owe; False when this revision exists."""
    result = await connection.execute(
        insert(sla_results)
        .values(
            outage_id=outage.id,
            revision=revision,
            severity=outage.severity,
            status=verdict.status,
            payment_type=verdict.payment_type,
            rating=verdict.rating,
            mttr_minutes=verdict.mttr_minutes,
            mttr_basis=basis,
            threshold_minutes=verdict.threshold_minutes,
            amount_stroops=verdict.amount_stroops,
            policy=policy.name,
            policy_version=policy.version,
            policy_digest=policy.digest(),
            judged_at=at,
            payment_id=payment_id,
        )
        .on_conflict_do_nothing()
        .returning(sla_results.c.revision)
    )
    return result.one_or_none() is not None


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """Which outages are meant; `since` and `until` (exclusive) are of their detection, a site is an id or a name."""

    since: datetime | None = None
    until: datetime | None = None
    severity: Severity | None = None
    site: str | None = None


def _list_conditions(wanted: VerdictFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield outages.c.detected_at >= wanted.since
    if wanted.until is not None:
        yield outages.c.detected_at < wanted.until
    if wanted.severity is not None:
        yield sla_results.c.severity == wanted.severity
    if wanted.site is not None:
        yield or_(outages.c.site_id == wanted.site, outages.c.site_name == wanted.site)


async def get_totals(
    connection: AsyncConnection, wanted: VerdictFilter = VerdictFilter()
) -> VerdictTotals:
    """Count verdicts and sum rewards and penalties over the newest revision of each outage."""
    newest = (
        select(sla_results)
        .join(outages, outages.c.id == sla_results.c.outage_id)
        .where(*_list_conditions(wanted))
        .distinct(sla_results.c.outage_id)
        .order_by(sla_results.c.outage_id, sla_results.c.revision.desc())
        .subquery()
    )
    amount = newest.c.amount_stroops
    rows = await connection.execute(
        select(
            func.count().label("outages"),
            func.count().filter(newest.c.status == SlaStatus.VIOLATED).label("violations"),
            func.coalesce(func.sum(amount).filter(amount > 0), 0).label("rewards_stroops"),
            func.coalesce(-func.sum(amount).filter(amount < 0), 0).label("penalties_stroops"),
        ).select_from(newest)
    )
    row = rows.one()
    sums = int(row.rewards_stroops), int(row.penalties_stroops)
    return VerdictTotals(row.outages, row.violations, *sums)


def to_verdict(row: RowMapping) -> Verdict:
    return Verdict(
        SlaStatus(row["status"]),
        PaymentType(row["payment_type"]),
        Rating(row["rating"]),
        row["mttr_minutes"],
        row["threshold_minutes"],
        row["amount_stroops"] // STROOPS_PER_UNIT,
    )


ATTESTATION_COLUMNS = (
    *("status", "problem", "symbol", "contract_id", "transaction_hash", "ledger"),
    *("config_hash", "config_snapshot", "fresh", "attested_at"),
)


def to_attestation(row: RowMapping) -> AttestationRecord | None:
    """Return the attestation of a verdict, which may need none, from a row with its labelled columns."""
    if row["attestation_status"] is None:
        return None
    found = {name: row[f"attestation_{name}"] for name in ATTESTATION_COLUMNS}
    hash_ = found["config_hash"]
    exact = {
        "status": AttestationStatus(found["status"]),
        "config_hash": None if hash_ is None else int(hash_),
    }
    return AttestationRecord(**found | exact)
