"""
The transactional outbox: the audit leaf, the events and their deliveries of one change are
written in the transaction of the change itself, and only once however often it is repeated.
"""

import re
from dataclasses import dataclass

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import audit
from adapters.postgres.tables import deliveries, events
from domain.audit import Leaf
from domain.errors import Invalid
from domain.events import Event

# One round trip: the event, and a delivery for every active subscription that wants it.
_PUBLISH = text(
    """
    WITH new AS (
        INSERT INTO events (id, type, outage_id, occurred_at, data)
        VALUES (:id, :type, :outage_id, :occurred_at, :data)
        ON CONFLICT (id) DO NOTHING RETURNING id
    )
    INSERT INTO deliveries (id, event_id, webhook_id, status)
    SELECT 'dlv_' || substr(encode(sha256((new.id || w.id)::bytea), 'hex'), 1, 24),
           new.id, w.id, 'pending'
    FROM new, webhooks w WHERE w.active AND w.events @> CAST(:wanted AS jsonb)
    RETURNING id
    """
).bindparams(bindparam("data", type_=JSONB))


async def publish(connection: AsyncConnection, leaf: Leaf, *happened: Event) -> list[str]:
    """Write the leaf and the events; return the ids of the deliveries they call for."""
    if not await audit.append(connection, leaf):
        return await _deliveries_of(connection, happened)
    called_for: list[str] = []
    for event in happened:
        rows = await connection.execute(
            _PUBLISH,
            {
                "id": event.id,
                "type": event.type,
                "outage_id": event.outage_id,
                "occurred_at": event.occurred_at,
                "data": event.data,
                "wanted": f'["{event.type}"]',
            },
        )
        called_for += rows.scalars()
    return called_for


async def _deliveries_of(connection: AsyncConnection, happened: tuple[Event, ...]) -> list[str]:
    if not happened:
        return []
    rows = await connection.execute(
        select(deliveries.c.id).where(deliveries.c.event_id.in_([event.id for event in happened]))
    )
    return list(rows.scalars())


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the feed. Commit order is (transaction, sequence), not sequence alone."""

    transaction: int = 0
    sequence: int = 0

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        match = re.fullmatch(r"([0-9]{1,19})-([0-9]{1,18})", text, re.ASCII)
        if match is None:
            raise Invalid("after", f"{text!r} is not a cursor of this feed")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.transaction}-{self.sequence}"


_FEED = text(
    """
    SELECT xid::text::bigint AS transaction, sequence, id, type, outage_id, occurred_at, data
    FROM events
    WHERE (xid, sequence) > (CAST(CAST(:transaction AS text) AS xid8), :sequence)
      AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, sequence LIMIT :limit
    """
)


async def after(connection: AsyncConnection, cursor: Cursor, limit: int) -> list[RowMapping]:
    """
    Page through all events. Those of transactions still open, and later ones, wait for the
    next page, so that a reader who follows the cursor never skips an event.
    """
    rows = await connection.execute(
        _FEED,
        {"transaction": cursor.transaction, "sequence": cursor.sequence, "limit": limit},
    )
    return list(rows.mappings())


async def of_outage(connection: AsyncConnection, outage_id: str) -> list[RowMapping]:
    rows = await connection.execute(
        select(events).where(events.c.outage_id == outage_id).order_by(events.c.sequence)
    )
    return list(rows.mappings())
