"""
Outages in the database.

Writes return whether they changed anything, because Temporal may run an activity twice.
"""

from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Label, RowMapping, Select, bindparam, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.sla.agreements.parts import list_part_ids
from adapters.postgres.sla.verdicts import ATTESTATION_COLUMNS, to_attestation
from adapters.postgres.tables import attestations, outages, sla_results
from adapters.postgres.transitions import Change
from domain.access.scopes import Scope
from domain.errors import NotFound
from domain.money import STROOPS_PER_UNIT
from domain.sla.outages import Location, Outage, OutageStatus, RecordedOutage
from domain.sla.verdicts import PaymentType, Rating, Severity, SlaStatus, Verdict

Found = TypeVar("Found")
# What every change of an outage, its verdict or its dispute sets.
_ADVANCED: Any = {"version": outages.c.version + 1, "changed_at": func.now()}


async def move(
    connection: AsyncConnection, outage_id: str, to: OutageStatus, **changes: Any
) -> int:
    """Move an outage to its next status, unless it has that status already; return its version."""
    moved = await connection.scalar(
        transitions.OUTAGES.update(to, **changes, **_ADVANCED)
        .where(outages.c.id == outage_id)
        .returning(outages.c.version)
    )
    return int(moved) if moved else await require(connection, outage_id, to)


async def require(connection: AsyncConnection, outage_id: str, status: OutageStatus) -> int:
    """Return the version of an outage that has this status; raise the reason why one does not move to it."""
    await transitions.refuse(connection, transitions.OUTAGES, {"id": outage_id}, status)
    version = await connection.scalar(select(outages.c.version).where(outages.c.id == outage_id))
    return int(version or 0)


def make_move(
    to: OutageStatus, more: str = "", *others: str, key: str = "outages.id = :outage_id"
) -> str:
    """
    Return the move of an outage, whose id is the parameter outage_id, as SQL that returns its id and version; `more`
    is assigned as well, and it is moved only together with what the tables `others` return, or as `key` joins them.
    """
    machine = transitions.OUTAGES
    return f"""
        UPDATE outages SET {machine.make_assignment(to)}{more}, version = outages.version + 1, changed_at = now()
        {"FROM" if others else ""} {", ".join(others)}
        WHERE {key} AND {machine.make_condition(to)} RETURNING outages.id, outages.version
    """


_CLOSE = f"changed AS ({make_move(OutageStatus.CLOSED, ', closed_at = :closed_at')})"
_SETTLE = f"changed AS ({make_move(OutageStatus.SETTLING)})"


def make_closing(outage_id: str, at: datetime) -> Change:
    return Change(_CLOSE, {"outage_id": outage_id, "closed_at": at})


def make_settling(outage_id: str) -> Change:
    return Change(_SETTLE, {"outage_id": outage_id})


async def advance(connection: AsyncConnection, outage_id: str, **changes: Any) -> int:
    """Change an outage, or only record that something of it has changed; return its new version."""
    advanced = await connection.scalar(
        update(outages)
        .where(outages.c.id == outage_id)
        .values(**changes, **_ADVANCED)
        .returning(outages.c.version)
    )
    return int(advanced or 0)


def to_outage(row: RowMapping) -> Outage:
    """Return the outage with the fields that a verdict needs."""
    return Outage(row["id"], row["site_name"], Severity(row["severity"]), row["detected_at"])


def require_found(row: Found | None, outage_id: str) -> Found:
    """Raises NotFound where there is no row."""
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
    wanted = _select_one(shows_parts=scope.party is None).where(*list_outage_conditions(scope))
    rows = await connection.execute(wanted, {"outage_id": outage_id})
    return to_record(require_found(rows.mappings().one_or_none(), outage_id))


@cache
def _select_one(*, shows_parts: bool) -> Select[Any]:
    """Select an outage by the parameter outage_id; built once, which takes longer than the server takes to answer."""
    more = [list_part_ids()] if shows_parts else []
    return select_with_verdict(*more).where(outages.c.id == bindparam("outage_id"))


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
