"""Verdicts in the database: one row per revision, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import outages, sla_results
from domain.errors import NotFound
from domain.money import STROOPS_PER_UNIT
from domain.sla.attestations import AttestationRecord, AttestationStatus
from domain.sla.outages import Outage, OutageStatus
from domain.sla.policies import Policy
from domain.sla.verdicts import (
    MttrBasis,
    PaymentType,
    Rating,
    RecordedVerdict,
    Severity,
    SlaStatus,
    Verdict,
)


async def add(
    connection: AsyncConnection,
    outage: Outage,
    revision: int,
    verdict: Verdict,
    basis: MttrBasis,
    policy: Policy,
    at: datetime,
    payment_id: str,
) -> bool:
    """Insert a verdict on an outage that is judged again; False when this revision exists."""
    said = describe(outage, revision, verdict, basis, policy, at, payment_id)
    added = (
        insert(sla_results)
        .values(**said)
        .on_conflict_do_nothing()
        .returning(sla_results.c.revision)
        .cte("added")
    )
    result = await connection.execute(
        update(outages)
        .where(outages.c.id == outage.id, exists(select(added.c.revision)))
        .values(verdict_status=verdict.status)
        .returning(outages.c.id)
    )
    return result.one_or_none() is not None


def describe(
    outage: Outage,
    revision: int,
    verdict: Verdict,
    basis: MttrBasis,
    policy: Policy,
    at: datetime,
    payment_id: str,
) -> dict[str, Any]:
    """Return the row of one revision."""
    return make_verdict_values(verdict, basis, policy, policy.digest()) | {
        "outage_id": outage.id,
        "revision": revision,
        "severity": outage.severity,
        "judged_at": at,
        "payment_id": payment_id,
    }


def make_verdict_values(
    verdict: Verdict, basis: MttrBasis, policy: Policy, digest: str
) -> dict[str, Any]:
    """Return the columns that say what a verdict is; `digest` is the policy's."""
    return {
        "status": verdict.status,
        "payment_type": verdict.payment_type,
        "rating": verdict.rating,
        "mttr_minutes": verdict.mttr_minutes,
        "mttr_basis": basis.name,
        "measured_minutes": basis.measured_minutes,
        "difference_stroops": basis.difference_stroops,
        "threshold_minutes": verdict.threshold_minutes,
        "amount_stroops": verdict.amount_stroops,
        "policy": policy.name,
        "policy_version": policy.version,
        "policy_digest": digest,
    }


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[RecordedVerdict]:
    """Return every revision of the verdict on an outage, the first one first."""
    rows = await connection.execute(
        select(sla_results)
        .where(sla_results.c.outage_id == outage_id)
        .order_by(sla_results.c.revision)
    )
    return [to_recorded(row) for row in rows.mappings()]


def to_recorded(row: RowMapping) -> RecordedVerdict:
    named = {name: row[name] for name in _NAMED}
    return RecordedVerdict(severity=Severity(row["severity"]), verdict=to_verdict(row), **named)


_NAMED = (
    *("outage_id", "revision", "mttr_basis", "policy", "policy_version"),
    *("judged_at", "payment_id", "measured_minutes", "difference_stroops"),
)


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


# Built once: that takes longer than the server takes to answer.
_RESOLUTION = select(outages.c.status, outages.c.part_of, outages.c.resolution_key).where(
    outages.c.id == bindparam("outage_id")
)


async def get_resolution(
    connection: AsyncConnection, outage_id: str
) -> tuple[OutageStatus, str | None, str | None]:
    """Return how an outage stands, what it is a part of, and which request had it judged. Raises NotFound."""
    found = await connection.execute(_RESOLUTION, {"outage_id": outage_id})
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"outage {outage_id!r} does not exist")
    return OutageStatus(row.status), row.part_of, row.resolution_key
