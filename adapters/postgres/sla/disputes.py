"""Disputes in the database: at most one open for each outage, each decided once."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.access.scopes import list_conditions, read_conditions
from adapters.postgres.reading import keysets
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment
from adapters.postgres.tables import disputes
from domain.access.scopes import Scope
from domain.errors import IllegalTransition, NotFound
from domain.sla.disputes import (
    UNDECIDED,
    Dispute,
    DisputeDecision,
    DisputeRecord,
    DisputeStatus,
)
from domain.sla.verdicts import Severity


async def add(
    connection: AsyncConnection,
    dispute: Dispute,
    revision: int,
    at: datetime,
    decision_deadline: datetime,
) -> bool:
    result = await connection.execute(
        insert(disputes)
        .values(
            id=dispute.id,
            outage_id=dispute.outage_id,
            revision=revision,
            status=DisputeStatus.OPEN,
            reason=dispute.reason,
            filed_by=dispute.request.actor,
            party=dispute.party,
            created_at=at,
            decision_deadline=decision_deadline,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(disputes.c.id)
    )
    return result.one_or_none() is not None


async def decide(
    connection: AsyncConnection,
    dispute_id: str,
    status: DisputeStatus,
    decided_by: str,
    at: datetime,
    note: str,
    decision: DisputeDecision | None,
) -> bool:
    """Record a decision; False when the dispute was decided before, which does not change."""
    changes: dict[str, Any] = {"decided_by": decided_by, "decided_at": at, "resolution_note": note}
    if decision is not None:
        changes["decided_mttr_minutes"] = decision.mttr_minutes
        changes["decided_severity"] = decision.severity
    try:
        return await transitions.move(
            connection, transitions.DISPUTES, {"id": dispute_id}, status, **changes
        )
    except IllegalTransition:
        return False


async def start_review(connection: AsyncConnection, dispute_id: str, by: str, at: datetime) -> bool:
    """Record who reviews a dispute; False when its review had begun before."""
    changes: dict[str, Any] = {"reviewed_by": by, "review_began_at": at}
    to = DisputeStatus.UNDER_REVIEW
    return await transitions.move(
        connection, transitions.DISPUTES, {"id": dispute_id}, to, **changes
    )


async def get(connection: AsyncConnection, dispute_id: str, scope: Scope) -> DisputeRecord:
    """Raises NotFound, for a dispute outside of the scope as for none."""
    own = list_conditions(scope, disputes.c.outage_id)
    rows = await connection.execute(select(disputes).where(disputes.c.id == dispute_id, *own))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"dispute {dispute_id!r} does not exist")
    return _record(row)


def _record(row: RowMapping) -> DisputeRecord:
    values = {each.name: row[each.name] for each in fields(DisputeRecord)}
    severity = row["decided_severity"]
    exact = {
        "status": DisputeStatus(row["status"]),
        "decided_severity": None if severity is None else Severity(severity),
    }
    return DisputeRecord(**values | exact)


async def find_undecided(connection: AsyncConnection, outage_id: str) -> DisputeRecord | None:
    """Return the dispute of an outage that nobody has decided yet, if there is one."""
    rows = await connection.execute(
        select(disputes).where(disputes.c.outage_id == outage_id, disputes.c.status.in_(UNDECIDED))
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _record(row)


async def find_newest(connection: AsyncConnection, outage_id: str) -> DisputeRecord | None:
    rows = await connection.execute(
        select(disputes)
        .where(disputes.c.outage_id == outage_id)
        .order_by(disputes.c.created_at.desc(), disputes.c.id)
        .limit(1)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _record(row)


async def list_page(
    connection: AsyncConnection,
    scope: Scope,
    segment: ListSegment,
    *,
    outage_id: str | None = None,
    status: str | None = None,
) -> tuple[list[DisputeRecord], Total]:
    """Return one page, newest first, and how many there are in all."""
    wanted = await read_conditions(connection, scope, disputes.c.outage_id)
    if outage_id is not None:
        wanted.append(disputes.c.outage_id == outage_id)
    if status is not None:
        wanted.append(disputes.c.status == status)
    key = Keyset((disputes.c.created_at, disputes.c.id))
    listing = Listing(disputes, key, wanted, select(disputes))
    rows, total = await keysets.read_page(connection, listing, segment)
    return [_record(row) for row in rows], total
