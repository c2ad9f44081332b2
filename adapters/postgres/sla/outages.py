"""
Outages in the database.

Writes return whether they changed anything, because Temporal may run an activity twice.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Label, RowMapping, Select, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.sla.agreements.parts import list_part_ids
from adapters.postgres.sla.policies import to_policy
from adapters.postgres.sla.verdicts import ATTESTATION_COLUMNS, to_attestation
from adapters.postgres.tables import (
    agreements,
    attestations,
    outages,
    policies,
    sla_results,
)
from domain.access.scopes import Scope
from domain.errors import NotFound
from domain.money import STROOPS_PER_UNIT
from domain.sla.agreements.agreements import Agreement
from domain.sla.outages import Declaration, Location, Outage, OutageStatus, RecordedOutage
from domain.sla.policies import Policy
from domain.sla.verdicts import PaymentType, Rating, Severity, SlaStatus, Verdict

_ADD = insert(outages).on_conflict_do_nothing().returning(outages.c.id)
# What every change of an outage, its verdict or its dispute sets.
_ADVANCED: Any = {"version": outages.c.version + 1, "changed_at": func.now()}


async def add(
    connection: AsyncConnection,
    declaration: Declaration,
    agreement_version: int,
    policy: Policy,
    at: datetime,
    part_of: str | None = None,
) -> bool:
    """Insert a declared outage, or a part of one; False when the id exists."""
    outage = declaration.outage
    location = outage.location
    result = await connection.execute(
        _ADD,
        {
            "id": outage.id,
            "status": OutageStatus.DECLARED,
            "severity": outage.severity,
            "site_name": outage.site_name,
            "site_id": outage.site_id,
            "description": outage.description,
            "affected_services": outage.affected_services,
            "affected_subscribers": outage.affected_subscribers,
            "assigned_to": outage.assigned_to,
            "location": None if location is None else asdict(location),
            "detected_at": outage.detected_at,
            "declared_at": at,
            "fingerprint": declaration.fingerprint,
            "correlation_id": declaration.request.correlation_id,
            "agreement": declaration.agreement,
            "agreement_version": agreement_version,
            "names_agreement": outage.agreement is not None,
            "customer": outage.customer,
            "part_of": part_of,
            "policy": policy.name,
            "policy_version": policy.version,
        },
    )
    return result.one_or_none() is not None


async def move(
    connection: AsyncConnection, outage_id: str, to: OutageStatus, **changes: Any
) -> int:
    """Move an outage to its next status, unless it has that status already; return its version."""
    moved = await connection.scalar(
        transitions.OUTAGES.update(to, **changes, **_ADVANCED)
        .where(outages.c.id == outage_id)
        .returning(outages.c.version)
    )
    if moved is None:
        await transitions.refuse(connection, transitions.OUTAGES, {"id": outage_id}, to)
        moved = await connection.scalar(select(outages.c.version).where(outages.c.id == outage_id))
    return int(moved or 0)


async def advance(connection: AsyncConnection, outage_id: str, **changes: Any) -> int:
    """Change an outage, or only record that something of it has changed; return its new version."""
    advanced = await connection.scalar(
        update(outages)
        .where(outages.c.id == outage_id)
        .values(**changes, **_ADVANCED)
        .returning(outages.c.version)
    )
    return int(advanced or 0)


@dataclass(frozen=True, slots=True)
class OutageContext:
    """All that an activity needs to know of one outage, whose row it has locked."""

    outage: Outage
    policy: Policy
    agreement: Agreement
    correlation_id: str
    fingerprint: str
    version: int
    status: OutageStatus
    resolution_key: str | None
    resolved_at: datetime | None
    dispute_deadline: datetime | None
    # The outage that this is a part of; and the parts of this one, in the order of their ids.
    part_of: str | None
    parts: Sequence[str]
    # The newest revision of the verdict.
    judged: tuple[int, Verdict] | None
    settled_elsewhere: bool = False


async def lock(connection: AsyncConnection, outage_id: str) -> OutageContext:
    """
    Lock an outage's row until the transaction ends, and return its context. Raises NotFound.

    The lock is taken first and the rest is read in another statement, because a statement that waits
    for a lock still sees the verdicts as they were before it waited.
    """
    await connection.execute(
        select(outages.c.id).where(outages.c.id == outage_id).with_for_update()
    )
    bound_columns = (column.label(f"of_{column.name}") for column in _BOUND_COLUMNS)
    statement = (
        select_with_verdict(*bound_columns, list_part_ids())
        .join(
            policies,
            (policies.c.name == outages.c.policy)
            & (policies.c.version == outages.c.policy_version),
        )
        .join(agreements, agreements.c.name == outages.c.agreement)
        .where(outages.c.id == outage_id)
    )
    row = _require((await connection.execute(statement)).mappings().one_or_none(), outage_id)
    bound = {name.removeprefix("of_"): value for name, value in row.items()}
    return OutageContext(
        outage=to_outage(row),
        policy=to_policy(bound | {"name": row["policy"], "version": row["policy_version"]}),
        agreement=Agreement(row["agreement"], *(bound[each.name] for each in _AGREEMENT_COLUMNS)),
        correlation_id=row["correlation_id"],
        fingerprint=row["fingerprint"],
        version=row["version"],
        status=OutageStatus(row["status"]),
        resolution_key=row["resolution_key"],
        resolved_at=row["resolved_at"],
        dispute_deadline=row["dispute_deadline"],
        part_of=row["part_of"],
        parts=row["parts"],
        judged=to_verdict(row),
        settled_elsewhere=row["settled_elsewhere"],
    )


_TERMS_COLUMNS = (
    policies.c.effective_from,
    policies.c.dispute_window_seconds,
    policies.c.decision_window_seconds,
    policies.c.terms,
)
_AGREEMENT_COLUMNS = (
    agreements.c.bond,
    agreements.c.pool,
    agreements.c.provider,
    agreements.c.beneficiary,
    agreements.c.provider_party,
    agreements.c.beneficiary_party,
)
_BOUND_COLUMNS = _TERMS_COLUMNS + _AGREEMENT_COLUMNS


def to_outage(row: RowMapping) -> Outage:
    """Return the outage with the fields that a verdict needs."""
    return Outage(row["id"], row["site_name"], Severity(row["severity"]), row["detected_at"])


def _require(row: RowMapping | None, outage_id: str) -> RowMapping:
    if row is None:
        raise NotFound(f"outage {outage_id!r} does not exist")
    return row


def to_verdict(row: RowMapping) -> tuple[int, Verdict] | None:
    if row["sla_revision"] is None:
        return None
    return row["sla_revision"], Verdict(
        SlaStatus(row["sla_status"]),
        PaymentType(row["sla_payment_type"]),
        Rating(row["sla_rating"]),
        row["sla_mttr_minutes"],
        row["sla_threshold_minutes"],
        row["sla_amount_stroops"] // STROOPS_PER_UNIT,
    )


def select_with_verdict(*more: Label[Any]) -> Select[Any]:
    """Select each outage with the newest revision of its verdict, and the attestation of that."""
    newest = (
        select(sla_results)
        .where(
            sla_results.c.outage_id == outages.c.id,
            # The verdicts on one that is reopened are taken back.
            outages.c.status.not_in((OutageStatus.DECLARED, OutageStatus.CANCELLED)),
        )
        .order_by(sla_results.c.revision.desc())
        .limit(1)
        .lateral("sla")
    )
    columns = [
        newest.c[name].label(f"sla_{name}")
        for name in ("revision", "status", "payment_type", "rating", "mttr_minutes")
    ]
    columns += [newest.c[n].label(f"sla_{n}") for n in ("threshold_minutes", "amount_stroops")]
    columns += [attestations.c[name].label(f"attestation_{name}") for name in ATTESTATION_COLUMNS]
    beside = outages.outerjoin(newest, true()).outerjoin(
        attestations,
        (attestations.c.outage_id == outages.c.id) & (attestations.c.revision == newest.c.revision),
    )
    return select(outages, *columns, *more).select_from(beside)


def to_record(row: RowMapping) -> RecordedOutage:
    location = row["location"]
    declared = {name: row[name] for name in _DECLARED} | {
        "agreement": row["agreement"] if row["names_agreement"] else None,
        "severity": Severity(row["severity"]),
        "location": None if location is None else Location(**location),
    }
    outage = Outage(**declared)
    return RecordedOutage(
        outage,
        OutageStatus(row["status"]),
        **{name: row[name] for name in _RECORDED},
        judged=to_verdict(row),
        attestation=to_attestation(row),
        parts=row.get("parts"),
    )


_DECLARED = (
    *("id", "site_name", "detected_at", "description", "site_id", "affected_services"),
    *("affected_subscribers", "assigned_to", "policy", "customer"),
)
_RECORDED = (
    *("version", "declared_at", "resolved_at", "dispute_deadline", "closed_at", "root_cause"),
    *("resolution_notes", "policy", "policy_version", "correlation_id", "agreement"),
    *("agreement_version", "part_of", "settled_elsewhere"),
)


async def get(connection: AsyncConnection, outage_id: str, scope: Scope) -> RecordedOutage:
    """
    Raises NotFound, for an outage outside of the scope as for none. A party is not shown the other parts,
    which are of others' agreements.
    """
    more = [list_part_ids()] if scope.party is None else []
    wanted = select_with_verdict(*more).where(
        outages.c.id == outage_id, *list_outage_conditions(scope)
    )
    rows = await connection.execute(wanted)
    return to_record(_require(rows.mappings().one_or_none(), outage_id))


async def find_fingerprint(connection: AsyncConnection, outage_id: str) -> str | None:
    """Return the fingerprint of the declaration of an outage; None when there is no such outage."""
    return await connection.scalar(select(outages.c.fingerprint).where(outages.c.id == outage_id))


async def get_agreement_name(connection: AsyncConnection, outage_id: str) -> str:
    found = await connection.execute(select(outages.c.agreement).where(outages.c.id == outage_id))
    return str(found.scalar_one())


async def get_correlation_id(connection: AsyncConnection, outage_id: str) -> str:
    """Return the correlation id of an outage: that of the request which declared it."""
    found = await connection.execute(
        select(outages.c.correlation_id).where(outages.c.id == outage_id)
    )
    return str(found.scalar_one())
