"""Sources in the database, with what proves that a message is theirs."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import intake_sources
from domain.errors import NotFound
from domain.sla.intake.sources import Source, SourceKind, SourceSecrets, make_mapping


async def add(connection: AsyncConnection, source: Source, secrets: SourceSecrets) -> bool:
    """Return False when there is one of this name, which stays as it is."""
    added = await connection.scalar(
        insert(intake_sources)
        .values(
            name=source.name,
            kind=source.kind,
            created_by=source.created_by,
            created_at=source.created_at,
            **_list_changeable(source),
            **asdict(secrets),
        )
        .on_conflict_do_nothing()
        .returning(intake_sources.c.name)
    )
    return added is not None


def _list_changeable(source: Source) -> dict[str, Any]:
    return {
        "time_zone": source.time_zone,
        "mapping": asdict(source.mapping),
        "repeat_interval_seconds": int(source.repeat_interval.total_seconds()),
        "heartbeat": source.heartbeat,
        "disabled_at": source.disabled_at,
    }


async def save(connection: AsyncConnection, source: Source) -> None:
    await _update(connection, source.name, _list_changeable(source))


async def save_secrets(connection: AsyncConnection, name: str, secrets: SourceSecrets) -> None:
    await _update(connection, name, asdict(secrets))


async def note_heard(connection: AsyncConnection, name: str, at: datetime, truncated: int) -> None:
    """Note that it was heard, and how much of what it said was left out."""
    changes: dict[str, Any] = {"last_heard_at": at}
    if truncated:
        changes |= {"truncated_at": at, "truncated_alerts": truncated}
    await _update(connection, name, changes)


async def _update(connection: AsyncConnection, name: str, changes: Mapping[str, Any]) -> None:
    await connection.execute(
        update(intake_sources).where(intake_sources.c.name == name).values(**changes)
    )


async def lock(connection: AsyncConnection, name: str) -> Source:
    """Return a source, and keep whoever else speaks for it waiting. Raises NotFound."""
    return await _read(connection, name, locked=True)


async def get(connection: AsyncConnection, name: str) -> Source:
    return await _read(connection, name, locked=False)


async def _read(connection: AsyncConnection, name: str, *, locked: bool) -> Source:
    statement = select(intake_sources).where(intake_sources.c.name == name)
    rows = await connection.execute(statement.with_for_update() if locked else statement)
    if (row := rows.mappings().first()) is None:
        raise NotFound(f"there is no source {name!r}")
    return _to_source(row)


async def find(
    connection: AsyncConnection, name: str
) -> tuple[Source, SourceSecrets] | tuple[None, None]:
    rows = await connection.execute(select(intake_sources).where(intake_sources.c.name == name))
    if (row := rows.mappings().first()) is None:
        return None, None
    return _to_source(row), _to_secrets(row)


async def load_secrets(connection: AsyncConnection, name: str) -> SourceSecrets:
    rows = await connection.execute(select(intake_sources).where(intake_sources.c.name == name))
    return _to_secrets(rows.mappings().one())


async def list_page(connection: AsyncConnection, segment: ListSegment) -> list[Source]:
    """Return sources by their names."""
    key = Keyset((intake_sources.c.name,), descending=False)
    listing = Listing(intake_sources, key, (), select(intake_sources))
    return [_to_source(row) for row in await read_part(connection, listing, segment)]


def _to_source(row: RowMapping) -> Source:
    return Source(
        row["name"],
        SourceKind(row["kind"]),
        row["time_zone"],
        make_mapping(row["mapping"]),
        timedelta(seconds=row["repeat_interval_seconds"]),
        row["heartbeat"],
        row["created_by"],
        row["created_at"],
        row["last_heard_at"],
        row["truncated_at"],
        row["truncated_alerts"],
        row["disabled_at"],
    )


def _to_secrets(row: RowMapping) -> SourceSecrets:
    return SourceSecrets(
        row["token_digest"], row["previous_digest"], row["previous_until"], row["sealed"]
    )
