"""
The transactional outbox: the audit entry, the events and the deliveries of a change are written in
the transaction of that change, once, however often it is repeated.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import TextClause, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters import tracing
from adapters.postgres.access.scopes import read_conditions
from adapters.postgres.tables import events
from adapters.postgres.transitions import Change, Consequence
from domain.access.scopes import Scope
from domain.audit import AuditEntry, hash_leaf
from domain.digests import format_instant
from domain.errors import Invalid
from domain.events import Event, FeedEvent

# The audit entries; the events of each new one that no other entry has published, numbered within their outage; and a
# delivery of each event to every subscription for its type, paused ones too, which whoever dispatches finds due. A test
# is for one subscription alone, whatever the others want: services/integration/webhooks/send_test_event.py.
_PUBLICATION = """
    entry AS (
        INSERT INTO audit_entries (
            id, subject, action, actor, correlation_id, recorded_at, content, hash
        )
        SELECT * FROM unnest(
            CAST(:audit_ids AS text[]), CAST(:subjects AS text[]), CAST(:actions AS text[]),
            CAST(:actors AS text[]), CAST(:correlation_ids AS text[]),
            CAST(:instants AS timestamptz[]), CAST(:contents AS bytea[]), CAST(:hashes AS bytea[])
        )
        WHERE {condition}
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), new AS (
        SELECT e.*,
               row_number() OVER (PARTITION BY e.outage_id ORDER BY e.place) AS number,
               count(*) OVER (PARTITION BY e.outage_id) AS numbers
        FROM entry JOIN jsonb_to_recordset(CAST(:events AS jsonb)) AS e (
            place int, entry_id text, id text, type text, outage_id text, occurred_at timestamptz,
            data jsonb
        ) ON e.entry_id = entry.id
        WHERE NOT EXISTS (SELECT FROM events AS known WHERE known.id = e.id)
    ), counted AS (
        INSERT INTO event_counts AS c (outage_id, last)
        SELECT outage_id, count(*) FROM new
        WHERE outage_id IS NOT NULL GROUP BY outage_id ORDER BY outage_id
        ON CONFLICT (outage_id) DO UPDATE SET last = c.last + excluded.last
        RETURNING outage_id, last
    ), published AS (
        INSERT INTO events (
            id, type, entry_id, outage_id, outage_sequence, occurred_at, data, trace
        )
        SELECT new.id, new.type, new.entry_id, new.outage_id,
               counted.last - new.numbers + new.number, new.occurred_at, new.data, CAST(:trace AS text)
        FROM new LEFT JOIN counted USING (outage_id)
        ORDER BY new.place
        RETURNING id, type
    ), due AS (
        INSERT INTO deliveries (id, event_id, webhook_id, status, due_at)
        SELECT 'dlv_' || substr(encode(sha256((p.id || w.id)::bytea), 'hex'), 1, 24),
               p.id, w.id, 'pending', now()
        FROM published p JOIN webhooks w ON w.deleted_at IS NULL AND w.events @> to_jsonb(p.type)
        WHERE p.type <> 'webhook.test'
    )
"""
_AFTER_CHANGE = _PUBLICATION.format(condition="EXISTS (SELECT FROM changed)")
# One round trip.
_PUBLISH = text(f"WITH {_PUBLICATION.format(condition='true')} SELECT 1")
Published = Sequence[tuple[AuditEntry, Sequence[Event]]]


@cache
def _compose(ctes: str) -> TextClause:
    return text(f"WITH {ctes}, {_AFTER_CHANGE} SELECT * FROM changed")


async def change(
    connection: AsyncConnection, made: Change, published: Published
) -> dict[str, Any] | None:
    """
    Change a row, and publish that, in one statement; return what the change returns. Nothing is published when it
    changes nothing, and None returned.
    """
    rows = await connection.execute(_compose(made.ctes), {**made.values, **_describe(published)})
    changed = rows.mappings().one_or_none()
    return None if changed is None else dict(changed)


def make_consequence(published: Published) -> Consequence:
    """Return what publishes a change in a statement that does more than that."""
    return Consequence((_AFTER_CHANGE,), _describe(published))


async def publish(connection: AsyncConnection, entry: AuditEntry, *published: Event) -> None:
    """Write an audit entry and its events, with the deliveries that they call for."""
    await publish_all(connection, [(entry, published)])


async def publish_all(connection: AsyncConnection, changes: Published) -> None:
    """Write audit entries, each with its events, once, and the deliveries that they call for."""
    await connection.execute(_PUBLISH, _describe(changes))


def _describe(changes: Published) -> dict[str, Any]:
    """Return audit entries and events as the values of a statement that publishes them."""
    contents = [entry.content() for entry, _ in changes]
    here = tracing.get_traceparent()
    written = [(entry, event) for entry, published in changes for event in published]
    said = [
        {
            "place": place,
            "entry_id": entry.id,
            "id": event.id,
            "type": event.type,
            "outage_id": event.outage_id,
            "occurred_at": format_instant(event.occurred_at),
            "data": event.data,
        }
        for place, (entry, event) in enumerate(written)
    ]
    return {
        "audit_ids": [entry.id for entry, _ in changes],
        "subjects": [entry.subject for entry, _ in changes],
        "actions": [entry.action for entry, _ in changes],
        "actors": [entry.actor for entry, _ in changes],
        "correlation_ids": [entry.correlation_id for entry, _ in changes],
        "instants": [entry.at for entry, _ in changes],
        "contents": contents,
        "hashes": [hash_leaf(content) for content in contents],
        "trace": None if here is None else str(here),
        "events": json.dumps(said),
    }


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


_COLUMNS = (
    literal_column("xid::text::bigint").label("transaction"),
    *(
        events.c[name]
        for name in (
            "sequence",
            "id",
            "type",
            "outage_id",
            "outage_sequence",
            "occurred_at",
            "data",
        )
    ),
)
_AFTER = text("(xid, sequence) > (CAST(CAST(:transaction AS text) AS xid8), :sequence)")
_COMMITTED = text("xid < pg_snapshot_xmin(pg_current_snapshot())")


async def list_after(
    connection: AsyncConnection, cursor: Cursor, limit: int, scope: Scope
) -> list[FeedEvent]:
    """
    Return one page of all events of a scope after a cursor.

    Events of transactions that are still open, and later events, are left for the next page, so that
    a reader who follows the cursor never misses one.
    """
    own = await read_conditions(connection, scope, events.c.outage_id)
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(_AFTER, _COMMITTED, *own)
        .order_by(events.c.xid, events.c.sequence)
        .limit(limit),
        {"transaction": cursor.transaction, "sequence": cursor.sequence},
    )
    return [FeedEvent(*row) for row in rows]
