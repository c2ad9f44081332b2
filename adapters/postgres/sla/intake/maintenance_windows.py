"""Maintenance windows in the database: a row for each notice, never changed; the highest sequence holds."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

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
    offset: int,
    limit: int,
) -> list[RecordedWindow]:
    """Return of each maintenance what its newest notice says, the latest begin first."""
    key = (_T.source, _T.provider, _T.account, _T.maintenance_id)
    newest = select(maintenance_windows).distinct(*key).order_by(*key, _T.sequence.desc())
    if source is not None:
        newest = newest.where(_T.source == source)
    current = newest.subquery()
    statement = (
        select(current)
        .order_by(current.c.starts_at.desc(), current.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(current.c.ends_at > after)
    if before is not None:
        statement = statement.where(current.c.starts_at < before)
    return [_to_record(row) for row in (await connection.execute(statement)).mappings()]


def _to_record(row: RowMapping) -> RecordedWindow:
    known = dict(row)
    own = {name: known.pop(name) for name in ("id", "source", "message_id", "recorded_at")}
    circuits = [AffectedCircuit(**each) for each in known.pop("circuits")]
    status = WindowStatus(known.pop("status"))
    window = MaintenanceWindow(**known, status=status, circuits=circuits)
    return RecordedWindow(**own, window=window)
