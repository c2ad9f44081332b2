"""
Outages in the database.

Writes say whether they changed anything, because Temporal may run an activity twice.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import outages, sla_results
from domain.errors import Conflict, NotFound
from domain.outages import TRANSITIONS, Declaration, Outage, OutageStatus
from domain.policies import Policy
from domain.sla import Severity
from domain.states import sources

SORTABLE = {"detected_at", "severity", "status", "site_name"}


async def add(
    connection: AsyncConnection, declaration: Declaration, policy: Policy, at: datetime
) -> bool:
    """Insert a declared outage; False when the id is taken."""
    outage = declaration.outage
    location = outage.location
    result = await connection.execute(
        insert(outages)
        .values(
            id=outage.id,
            status=OutageStatus.DECLARED,
            severity=outage.severity,
            site_name=outage.site_name,
            site_id=outage.site_id,
            description=outage.description,
            affected_services=outage.affected_services,
            affected_subscribers=outage.affected_subscribers,
            assigned_to=outage.assigned_to,
            location=None
            if location is None
            else {"latitude": location.latitude, "longitude": location.longitude},
            detected_at=outage.detected_at,
            declared_at=at,
            fingerprint=outage.fingerprint(),
            correlation_id=declaration.request.correlation_id,
            agreement=declaration.agreement,
            policy=policy.name,
            policy_version=policy.version,
        )
        .on_conflict_do_nothing()
    )
    return result.rowcount == 1


async def move(
    connection: AsyncConnection, outage_id: str, to: OutageStatus, **changes: Any
) -> bool:
    """
    Take an outage to its next status; False when it is there already.

    Only a status the transition table allows as a source is left, whatever the caller believes.
    """
    result = await connection.execute(
        update(outages)
        .where(outages.c.id == outage_id, outages.c.status.in_(sources(TRANSITIONS, to)))
        .values(status=to, **changes)
    )
    if result.rowcount == 1:
        return True
    now = await connection.scalar(select(outages.c.status).where(outages.c.id == outage_id))
    if now is None:
        raise NotFound(f"there is no outage {outage_id!r}")
    if now != to:
        raise Conflict(f"outage {outage_id} is {now} and may not become {to}")
    return False


async def amend(connection: AsyncConnection, outage_id: str, changes: dict[str, Any]) -> None:
    await connection.execute(update(outages).where(outages.c.id == outage_id).values(**changes))


async def lock(connection: AsyncConnection, outage_id: str) -> RowMapping:
    """Return the row, held until the transaction ends."""
    rows = await connection.execute(
        select(outages).where(outages.c.id == outage_id).with_for_update()
    )
    return _the(rows.mappings().one_or_none(), outage_id)


def _the(row: RowMapping | None, outage_id: str) -> RowMapping:
    if row is None:
        raise NotFound(f"there is no outage {outage_id!r}")
    return row


def outage_of(row: RowMapping) -> Outage:
    """Rebuild what judging needs from a row; the policy named at declaration is not kept apart."""
    return Outage(
        id=row["id"],
        site_name=row["site_name"],
        severity=Severity(row["severity"]),
        detected_at=row["detected_at"],
    )


def _with_verdict() -> Select[Any]:
    """Each outage beside the newest revision of its verdict, if it has one."""
    newest = (
        select(sla_results)
        .where(sla_results.c.outage_id == outages.c.id)
        .order_by(sla_results.c.revision.desc())
        .limit(1)
        .lateral("sla")
    )
    columns = [
        newest.c[name].label(f"sla_{name}")
        for name in ("revision", "status", "payment_type", "rating", "mttr_minutes")
    ]
    columns += [newest.c[n].label(f"sla_{n}") for n in ("threshold_minutes", "amount_stroops")]
    return select(outages, *columns).select_from(outages.outerjoin(newest, and_(True)))


async def get(connection: AsyncConnection, outage_id: str) -> RowMapping:
    rows = await connection.execute(_with_verdict().where(outages.c.id == outage_id))
    return _the(rows.mappings().one_or_none(), outage_id)


async def page(
    connection: AsyncConnection,
    *,
    severity: str | None = None,
    statuses: list[OutageStatus] | None = None,
    search: str | None = None,
    sort: str = "detected_at",
    descending: bool = True,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[RowMapping], int]:
    """Return one page of outages and how many there are in all."""
    wanted = []
    if severity is not None:
        wanted.append(outages.c.severity == severity)
    if statuses is not None:
        wanted.append(outages.c.status.in_(statuses))
    if search:
        # autoescape: a caller's % and _ are letters, not wildcards.
        wanted.append(
            or_(
                outages.c.id.icontains(search, autoescape=True),
                outages.c.site_name.icontains(search, autoescape=True),
                outages.c.description.icontains(search, autoescape=True),
            )
        )
    column = outages.c[sort]
    rows = await connection.execute(
        _with_verdict()
        .where(*wanted)
        .order_by(column.desc() if descending else column.asc(), outages.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    total = await connection.scalar(select(func.count()).select_from(outages).where(*wanted))
    return list(rows.mappings()), total or 0
