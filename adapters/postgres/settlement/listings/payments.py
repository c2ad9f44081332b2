"""Lists of payments: filtered, the newest first, by page or whole; and what that of an outage waits for."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_conditions
from adapters.postgres.settlement.payments import to_record
from adapters.postgres.tables import payments
from domain.access.scopes import Scope
from domain.reasons import WAITS, ReasonCode, Wait, find_end
from domain.settlement.payments import PaymentRecord, PaymentStatus
from domain.sla.verdicts import PaymentType

# Rows that are read at once where a whole list is streamed.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """All of it must hold; `until` is exclusive."""

    statuses: Sequence[PaymentStatus] | None = None
    type: PaymentType | None = None
    outage_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_payment_conditions(scope: Scope, wanted: PaymentFilter) -> Iterator[ColumnElement[bool]]:
    yield from list_conditions(scope, payments.c.outage_id)
    if wanted.statuses is not None:
        yield payments.c.status.in_(wanted.statuses)
    if wanted.type is not None:
        yield payments.c.type == wanted.type
    if wanted.outage_id is not None:
        yield payments.c.outage_id == wanted.outage_id
    if wanted.since is not None:
        yield payments.c.created_at >= wanted.since
    if wanted.until is not None:
        yield payments.c.created_at < wanted.until


async def list_page(
    connection: AsyncConnection,
    scope: Scope,
    wanted: PaymentFilter,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[PaymentRecord], int]:
    """Return one page, newest first, and how many there are in all."""
    conditions = list(list_payment_conditions(scope, wanted))
    rows = await connection.execute(_select_newest(*conditions).offset(offset).limit(limit))
    total = await connection.scalar(select(func.count()).select_from(payments).where(*conditions))
    return [to_record(row) for row in rows.mappings()], total or 0


def _select_newest(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(payments)
        .where(*conditions)
        .order_by(payments.c.created_at.desc(), payments.c.id.desc())
    )


async def stream(
    connection: AsyncConnection, scope: Scope, wanted: PaymentFilter
) -> AsyncIterator[PaymentRecord]:
    """Yield every payment of a filter, newest first; no more than a chunk of them is in memory."""
    conditions = list(list_payment_conditions(scope, wanted))
    here = tuple_(payments.c.created_at, payments.c.id)
    more, after = True, list[ColumnElement[bool]]()
    while more:
        statement = _select_newest(*conditions, *after).limit(CHUNK)
        rows = (await connection.execute(statement)).mappings().all()
        for row in rows:
            yield to_record(row)
        if more := len(rows) == CHUNK:
            after = [here < tuple_(rows[-1]["created_at"], rows[-1]["id"])]


_STOPPED = text(
    """
    SELECT p.reason_code, p.status_reason, coalesce(stopped.at, p.created_at) AS since
    FROM payments p, LATERAL (
        SELECT max(a.recorded_at) AS at FROM audit_entries a WHERE a.subject = 'outage/' || p.outage_id
          AND a.action = 'payment.' || CASE p.status WHEN 'submitted' THEN 'nodes_disagree' ELSE p.status END
    ) stopped
    WHERE p.outage_id = :outage_id AND p.reason_code IS NOT NULL
    ORDER BY p.revision DESC LIMIT 1
    """
)


async def find_wait(connection: AsyncConnection, outage_id: str, at: datetime) -> Wait | None:
    """Return what the payment of an outage waits for, and since when; None while nothing stops it."""
    row = (await connection.execute(_STOPPED, {"outage_id": outage_id})).one_or_none()
    if row is None:
        return None
    code = ReasonCode(row.reason_code)
    return Wait(WAITS[code], row.since, find_end(code, at), row.status_reason)
