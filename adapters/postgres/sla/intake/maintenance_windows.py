"""Maintenance windows in the database: a row for each notice, never changed; the highest sequence holds."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import maintenance_windows
from domain.sla.intake.maintenance_windows import (
    AffectedCircuit,
    MaintenanceWindow,
    RecordedWindow,
    WindowStatus,
)

_T = maintenance_windows.c


async def add(connection: AsyncConnection, record: RecordedWindow) -> bool:
    """Return False when a notice of this sequence is on record, which stays as it is."""
    added = await connection.scalar(
        insert(maintenance_windows)
        .values(
            id=record.id,
            source=record.source,
            message_id=record.message_id,
            recorded_at=record.recorded_at,
            **asdict(record.window),
        )
        .on_conflict_do_nothing()
        .returning(_T.id)
    )
    return added is not None


async def get(connection: AsyncConnection, window_id: str) -> RecordedWindow:
    rows = await connection.execute(select(maintenance_windows).where(_T.id == window_id))
    return _to_record(rows.mappings().one())


async def list_newest(
    connection: AsyncConnection,
    source: str | None,
    after: datetime | None,
    before: datetime | None,
    segment: ListSegment,
) -> list[RecordedWindow]:
    """Return of each maintenance what its newest notice says, the latest begin first."""
    wanted = [_is_newest()]
    if source is not None:
        wanted.append(_T.source == source)
    if after is not None:
        wanted.append(_T.ends_at > after)
    if before is not None:
        wanted.append(_T.starts_at < before)
    key = Keyset((_T.starts_at, _T.id))
    listing = Listing(maintenance_windows, key, wanted, select(maintenance_windows))
    return [_to_record(row) for row in await read_part(connection, listing, segment)]


def _is_newest() -> ColumnElement[bool]:
    """Hold of a notice than which no other about the same maintenance is newer; asked row by row."""
    other = maintenance_windows.alias("other")
    newest = (
        select(other.c.sequence)
        .where(
            *(other.c[name] == _T[name] for name in ("source", "provider", "maintenance_id")),
            other.c.account.is_not_distinct_from(_T.account),
        )
        .order_by(other.c.sequence.desc())
        .limit(1)
        .correlate(maintenance_windows)
        .scalar_subquery()
    )
    return _T.sequence == newest


def _to_record(row: RowMapping) -> RecordedWindow:
    known = dict(row)
    own = {name: known.pop(name) for name in ("id", "source", "message_id", "recorded_at")}
    circuits = [AffectedCircuit(**each) for each in known.pop("circuits")]
    status = WindowStatus(known.pop("status"))
    window = MaintenanceWindow(**known, status=status, circuits=circuits)
    return RecordedWindow(**own, window=window)
