"""Lists of payments: filtered, the newest first, by page or whole; what that of an outage waits for; and those whose payee has moved."""

from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_conditions, read_conditions
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page, stream_rows
from adapters.postgres.settlement.payments import to_record
from adapters.postgres.tables import payments
from domain.access.scopes import Scope
from domain.reasons import WAITS, ReasonCode, Wait, find_end
from domain.settlement.payments import PaymentRecord, PaymentStatus
from domain.sla.verdicts import PaymentType

_NEWEST = Keyset((payments.c.created_at, payments.c.id))


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
    yield from _list_conditions(wanted)


def _list_conditions(wanted: PaymentFilter) -> Iterator[ColumnElement[bool]]:
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


async def _make_listing(
    connection: AsyncConnection, scope: Scope, wanted: PaymentFilter
) -> Listing:
    own = await read_conditions(connection, scope, payments.c.outage_id)
    return Listing(payments, _NEWEST, [*own, *_list_conditions(wanted)], select(payments))


async def list_page(
    connection: AsyncConnection, scope: Scope, wanted: PaymentFilter, segment: ListSegment
) -> tuple[list[PaymentRecord], Total]:
    """Return one page, newest first, and how many there are in all."""
    listing = await _make_listing(connection, scope, wanted)
    rows, total = await read_page(connection, listing, segment)
    return [to_record(row) for row in rows], total


async def stream(
    connection: AsyncConnection, scope: Scope, wanted: PaymentFilter
) -> AsyncGenerator[PaymentRecord]:
    """Yield every payment of a filter, newest first; no more than a chunk of them is in memory."""
    listing = await _make_listing(connection, scope, wanted)
    async with aclosing(stream_rows(connection, listing)) as rows:
        async for row in rows:
            yield to_record(row)


_STOPPED = text(
    """
    SELECT DISTINCT ON (p.outage_id) p.outage_id, p.reason_code, p.status_reason,
        coalesce(stopped.at, p.created_at) AS since
    FROM payments p, LATERAL (
        SELECT max(a.recorded_at) AS at FROM audit_entries a WHERE a.subject = 'outage/' || p.outage_id
          AND a.action = 'payment.' || CASE p.status WHEN 'submitted' THEN 'nodes_disagree' ELSE p.status END
    ) stopped
    WHERE p.outage_id = ANY(:outage_ids) AND p.reason_code IS NOT NULL
    ORDER BY p.outage_id, p.revision DESC
    """
)


async def find_waits(
    connection: AsyncConnection, outage_ids: Sequence[str], at: datetime
) -> dict[str, Wait]:
    """Return what the payments of outages wait for, and since when, by the outages' ids; only of those that are stopped."""
    rows = await connection.execute(_STOPPED, {"outage_ids": list(outage_ids)})
    return {
        row.outage_id: Wait(
            WAITS[ReasonCode(row.reason_code)],
            row.since,
            find_end(ReasonCode(row.reason_code), at),
            row.status_reason,
        )
        for row in rows
    }


async def list_unheld(connection: AsyncConnection, signable: Collection[str]) -> list[str]:
    """Return the workflows of payments that are blocked for want of a seed, from treasuries whose seeds are held."""
    c = payments.c
    rows = await connection.execute(
        select(payments)
        .where(c.status == PaymentStatus.BLOCKED, c.reason_code == ReasonCode.KEY_NOT_HELD)
        .where(c.from_address.in_(signable))
        .order_by(c.created_at)
    )
    return [to_record(row).payment.workflow_id for row in rows.mappings()]


# Few payees have changed their address since a payment became owed; of those, where each is paid by now.
_MOVED = text(
    """
    SELECT p.id FROM payments p
    JOIN outages o ON o.id = p.outage_id JOIN agreements g ON g.name = o.agreement
    CROSS JOIN LATERAL (
        SELECT CASE p.type WHEN 'reward' THEN 'provider' ELSE 'beneficiary' END AS role,
               CASE p.type WHEN 'reward' THEN g.provider ELSE g.beneficiary END AS address
    ) payee
    WHERE p.id = ANY(:payment_ids)
      AND EXISTS (SELECT FROM payouts u WHERE u.agreement = g.name
                  AND u.effective_at > p.created_at AND u.effective_at <= :at)
      AND p.to_address <> coalesce((
          SELECT u.address FROM payouts u
          WHERE u.agreement = g.name AND u.role = payee.role AND u.cancelled_at IS NULL
            AND u.effective_at <= :at ORDER BY u.effective_at DESC, u.asked_at DESC LIMIT 1
      ), payee.address)
    """
)


async def list_moved(
    connection: AsyncConnection, payment_ids: Collection[str], at: datetime
) -> set[str]:
    """Return which of these payments would go to an address that is not the payout address of their payee at an instant."""
    return set(await connection.scalars(_MOVED, {"payment_ids": list(payment_ids), "at": at}))
