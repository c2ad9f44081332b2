"""
The transactional outbox: the audit entry, the events and their deliveries of one change are
written in the transaction of the change itself, and only once however often it is repeated.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import events
from domain.audit import AuditEntry, leaf_hash
from domain.digests import instant
from domain.errors import Invalid
from domain.events import Event

# One round trip: the audit entries; of each that is new, the events; and a delivery of each to every
# active subscription that wants it. The last line answers what an earlier run of the step wrote.
_PUBLISH = text(
    """
    WITH leaf AS (
        INSERT INTO audit_entries (id, subject, action, recorded_at, content, hash)
        SELECT * FROM unnest(
            CAST(:ids AS text[]), CAST(:subjects AS text[]), CAST(:actions AS text[]),
            CAST(:instants AS timestamptz[]), CAST(:contents AS bytea[]), CAST(:hashes AS bytea[])
        )
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), happened AS (
        INSERT INTO events (id, type, outage_id, occurred_at, data)
        SELECT e.id, e.type, e.outage_id, e.occurred_at, e.data
        FROM leaf JOIN jsonb_to_recordset(:events) AS e (
            entry_id text, id text, type text, outage_id text, occurred_at timestamptz, data jsonb
        ) ON e.entry_id = leaf.id
        RETURNING id, type
    ), called_for AS (
        INSERT INTO deliveries (id, event_id, webhook_id, status)
        SELECT 'dlv_' || substr(encode(sha256((h.id || w.id)::bytea), 'hex'), 1, 24),
               h.id, w.id, 'pending'
        FROM happened h JOIN webhooks w ON w.active AND w.events @> to_jsonb(h.type)
        RETURNING id
    )
    SELECT id FROM called_for
    UNION ALL SELECT id FROM deliveries WHERE event_id = ANY(:event_ids)
    """
).bindparams(bindparam("events", type_=JSONB))


async def publish(connection: AsyncConnection, leaf: AuditEntry, *happened: Event) -> list[str]:
    """Write the leaf and the events; return the ids of the deliveries they call for."""
    return await publish_all(connection, [(leaf, happened)])


async def publish_all(
    connection: AsyncConnection, told: Sequence[tuple[AuditEntry, Sequence[Event]]]
) -> list[str]:
    """Write many leaves, each with its events; return the ids of the deliveries they call for."""
    contents = [leaf.content() for leaf, _ in told]
    rows = await connection.execute(
        _PUBLISH,
        {
            "ids": [leaf.id for leaf, _ in told],
            "subjects": [leaf.subject for leaf, _ in told],
            "actions": [leaf.action for leaf, _ in told],
            "instants": [leaf.at for leaf, _ in told],
            "contents": contents,
            "hashes": [leaf_hash(content) for content in contents],
            "events": [
                {
                    "entry_id": leaf.id,
                    "id": event.id,
                    "type": event.type,
                    "outage_id": event.outage_id,
                    "occurred_at": instant(event.occurred_at),
                    "data": event.data,
                }
                for leaf, happened in told
                for event in happened
            ],
            "event_ids": [event.id for _, happened in told for event in happened],
        },
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
            raise Invalid(
                "after",
                f"{text!r} is not a cursor of this feed; send the `next` of an earlier page",
            )
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


async def list_after(connection: AsyncConnection, cursor: Cursor, limit: int) -> list[RowMapping]:
    """
    Page through all events. Those of transactions still open, and later ones, wait for the
    next page, so that a reader who follows the cursor never skips an event.
    """
    rows = await connection.execute(
        _FEED,
        {"transaction": cursor.transaction, "sequence": cursor.sequence, "limit": limit},
    )
    return list(rows.mappings())


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[RowMapping]:
    rows = await connection.execute(
        select(events).where(events.c.outage_id == outage_id).order_by(events.c.sequence)
    )
    return list(rows.mappings())
