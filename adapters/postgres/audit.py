"""Read the audit trail; `events.publish` writes it, in the transaction of each change."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import CHUNK
from adapters.postgres.tables import audit_entries


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; None is any. `since` is inclusive, `until` exclusive."""

    subject: str | None = None
    action: str | None = None
    actor: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_dated(self) -> bool:
        return self.since is not None or self.until is not None

    def make_conditions(self) -> list[ColumnElement[bool]]:
        same = ("subject", "action", "actor", "correlation_id")
        found = [
            audit_entries.c[name] == getattr(self, name)
            for name in same
            if getattr(self, name) is not None
        ]
        if self.since is not None:
            found.append(audit_entries.c.recorded_at >= self.since)
        if self.until is not None:
            found.append(audit_entries.c.recorded_at < self.until)
        return found


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as its row has it; what the content says is to be compared with the columns."""

    sequence: int
    id: str
    subject: str
    action: str
    actor: str
    correlation_id: str
    recorded_at: datetime
    content: bytes
    hash: bytes


async def is_recorded(connection: AsyncConnection, entry_id: str) -> bool:
    """Return whether a change is on record already."""
    found = await connection.scalar(
        select(audit_entries.c.id).where(audit_entries.c.id == entry_id)
    )
    return found is not None


async def read_trail(connection: AsyncConnection, subject: str) -> list[dict[str, Any]]:
    """Return the audit entries of one subject in the order they were written, with their hashes."""
    wanted = AuditFilter(subject=subject)
    return await _read(connection, _select(wanted).order_by(audit_entries.c.sequence))


async def list_before(
    connection: AsyncConnection, wanted: AuditFilter, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """
    Return the newest entries first, those older than a sequence. Those of given dates are in the order of their
    instants, by which they are found; it is that of their sequences but for what was written at the same time.
    """
    columns: tuple[ColumnElement[Any], ...] = (audit_entries.c.sequence,)
    if wanted.is_dated:
        columns = (audit_entries.c.recorded_at, *columns)
    found = _select(wanted).order_by(*(each.desc() for each in columns)).limit(limit)
    if before is not None:
        place = [_select_instant(before), before] if wanted.is_dated else [before]
        found = found.where(tuple_(*columns) < tuple_(*place))
    return await _read(connection, found)


def _select_instant(before: int) -> Any:
    """Select when the entry of a sequence was recorded, or the last one before it."""
    entries = audit_entries.alias("known")
    known = select(entries.c.recorded_at).where(entries.c.sequence <= before)
    return known.order_by(entries.c.sequence.desc()).limit(1).scalar_subquery()


async def stream(
    connection: AsyncConnection, wanted: AuditFilter
) -> AsyncGenerator[dict[str, Any]]:
    """Yield the oldest entries first, all of them, in a transaction that sees one moment; few of them are in memory."""
    statement = _select(wanted).order_by(audit_entries.c.sequence)
    async with connection.stream(statement, execution_options={"yield_per": CHUNK}) as rows:
        async for row in rows:
            yield _to_entry(row)


async def list_stored(connection: AsyncConnection, after: int, limit: int) -> list[StoredEntry]:
    """Return entries as they are stored, column by column, the oldest first."""
    rows = await connection.execute(
        select(*(audit_entries.c[each.name] for each in fields(StoredEntry)))
        .where(audit_entries.c.sequence > after)
        .order_by(audit_entries.c.sequence)
        .limit(limit)
    )
    return [StoredEntry(*row) for row in rows]


def _select(wanted: AuditFilter) -> Select[Any]:
    return select(audit_entries.c.content, audit_entries.c.hash, audit_entries.c.sequence).where(
        *wanted.make_conditions()
    )


async def _read(connection: AsyncConnection, statement: Select[Any]) -> list[dict[str, Any]]:
    return [_to_entry(row) for row in await connection.execute(statement)]


def _to_entry(row: Row[Any]) -> dict[str, Any]:
    return {**orjson.loads(row.content), "hash": row.hash.hex(), "sequence": row.sequence}
