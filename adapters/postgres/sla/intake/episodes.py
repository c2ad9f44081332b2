"""Episodes in the database; those that are due wait there for a worker to take them."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    TableValuedAlias,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import intake_episodes, intake_sources
from adapters.postgres.transitions import EPISODES
from domain.errors import NotFound, TryAgain
from domain.sla.intake.episodes import Episode, EpisodeReason, EpisodeStatus
from domain.sla.intake.messages import AlertMessage
from domain.sla.intake.sources import INTERVALS_MISSED, REPEATING, AlertTarget
from domain.sla.verdicts import Severity

_T = intake_episodes.c
# What has ended longer ago is not compared with, but known by its beginning.
COMPARED = timedelta(days=60)
# As the partial index has it.
_OPEN = text("intake_episodes.status = 'open'")
_FIELDS = [each.name for each in fields(Episode)]
_OWN = [each for each in intake_episodes.c if each.name not in ("due_at", "attempts")]


async def list_known(
    connection: AsyncConnection,
    source: str,
    message: AlertMessage,
    now: datetime,
) -> list[Episode]:
    """Return what a message can bear on: episodes of its alerts, and open ones of its group."""
    fingerprints = {signal.fingerprint for signal in message.signals}
    starts = {signal.starts_at for signal in message.signals}
    unfinished = _T.status.in_([EpisodeStatus.OPEN, EpisodeStatus.END_UNKNOWN])
    of_any_age = or_(unfinished, _T.alert_start.in_(starts - {None}))
    if None in starts:
        of_any_age = or_(of_any_age, _T.alert_start.is_(None))
    wanted = and_(
        _T.fingerprint.in_(fingerprints), or_(of_any_age, _T.last_heard_at > now - COMPARED)
    )
    if message.group is not None:
        wanted = or_(wanted, and_(_OPEN, _T.group == message.group))
    rows = await connection.execute(
        select(*_OWN).where(_T.source == source, wanted).order_by(_T.first_heard_at, _T.id)
    )
    return [_to_episode(row) for row in rows.mappings()]


async def list_by_alert(
    connection: AsyncConnection, source: str, fingerprint: str
) -> list[Episode]:
    """Return all episodes of an alert, of whatever age."""
    mine = and_(_T.source == source, _T.fingerprint == fingerprint)
    rows = await connection.execute(select(*_OWN).where(mine).order_by(_T.first_heard_at, _T.id))
    return [_to_episode(row) for row in rows.mappings()]


async def add_all(
    connection: AsyncConnection, added: Sequence[tuple[Episode, datetime | None]]
) -> None:
    """Add new episodes, each with when it is due, in one statement. Raises TryAgain when one of them is on record."""
    if not added:
        return
    rows = _make_rows(added)
    names = [column.name for column in rows.columns]
    statement = insert(intake_episodes).from_select(names, select(*rows.columns))
    written = await connection.execute(statement.on_conflict_do_nothing().returning(_T.id))
    if len(written.all()) != len(added):
        raise TryAgain("an episode that was to be added is on record; repeat the request")


async def save_all(
    connection: AsyncConnection, saved: Sequence[tuple[Episode, datetime | None]]
) -> None:
    """
    Write the next version of episodes, each with when it is due, in one statement for each of their states. Raises
    TryAgain when one of them is not the next one any more.
    """
    by_status = dict[EpisodeStatus, list[tuple[Episode, datetime | None]]]()
    for pair in saved:
        by_status.setdefault(pair[0].status, []).append(pair)
    for status, pairs in by_status.items():
        rows = _make_rows(pairs).columns
        changes: dict[str, Any] = {
            each.name: each for each in rows if each.name not in ("id", "status")
        }
        statement = EPISODES.update(status, again=True, attempts=0, **changes)
        written = await connection.execute(
            statement.where(_T.id == rows.id, _T.version < rows.version)
        )
        if written.rowcount != len(pairs):
            named = ", ".join(each.id for each, _ in pairs[:3])
            raise TryAgain(f"one of the episodes {named} has changed meanwhile; repeat the request")


def _make_rows(pairs: Sequence[tuple[Episode, datetime | None]]) -> TableValuedAlias:
    """Return episodes as rows of a statement, whose text is the same however many they are."""
    shown = [
        {name: getattr(each, name) for name in _FIELDS} | {"due_at": due_at}
        for each, due_at in pairs
    ]
    known = cast(literal(orjson.dumps(shown).decode(), Text), JSONB)
    columns = [column(name, _T[name].type) for name in (*_FIELDS, "due_at")]
    made = func.jsonb_to_recordset(known).table_valued(*columns, name="given")
    return made.render_derived(name="given", with_types=True)


async def note_heard(
    connection: AsyncConnection, ids: Collection[str], group: str | None, at: datetime
) -> None:
    if ids:
        await connection.execute(
            update(intake_episodes)
            .where(_T.id.in_(ids))
            .values({"last_heard_at": at, "group": group})
        )


async def lock(connection: AsyncConnection, episode_id: str) -> Episode:
    return await _read(connection, episode_id, locked=True)


async def get(connection: AsyncConnection, episode_id: str) -> Episode:
    return await _read(connection, episode_id, locked=False)


async def _read(connection: AsyncConnection, episode_id: str, *, locked: bool) -> Episode:
    statement = select(*_OWN).where(_T.id == episode_id)
    rows = await connection.execute(statement.with_for_update() if locked else statement)
    if (row := rows.mappings().first()) is None:
        raise NotFound(f"there is no episode {episode_id!r}")
    return _to_episode(row)


async def take_due(
    connection: AsyncConnection, now: datetime, lease: timedelta, limit: int
) -> list[tuple[Episode, int]]:
    """
    Return episodes that are due, each with how often it was tried before; for so long nobody else takes them.
    Whoever dies meanwhile leaves them due.
    """
    due = (
        select(_T.id)
        .where(_T.due_at <= now)
        .order_by(_T.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await connection.execute(
        update(intake_episodes)
        .where(_T.id.in_(due.scalar_subquery()))
        .values(due_at=now + lease, attempts=_T.attempts + 1)
        .returning(*_OWN, _T.attempts)
    )
    found = []
    for row in rows.mappings():
        known = dict(row)
        attempts = known.pop("attempts")
        found.append((_to_episode(known), attempts - 1))
    return found


async def set_due(connection: AsyncConnection, episode_id: str, due_at: datetime | None) -> None:
    """Say when an episode is due again; the caller has locked it."""
    await connection.execute(
        update(intake_episodes).where(_T.id == episode_id).values(due_at=due_at)
    )


async def list_silent(connection: AsyncConnection, now: datetime, limit: int) -> list[Episode]:
    """Return and lock open episodes of which their source, which would repeat itself, says nothing more."""
    seconds = intake_sources.c.repeat_interval_seconds * INTERVALS_MISSED
    patience = func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    rows = await connection.execute(
        select(*_OWN)
        .join(intake_sources, intake_sources.c.name == _T.source)
        .where(
            _OPEN,
            intake_sources.c.kind.in_(REPEATING),
            _T.last_heard_at + patience < now,
        )
        .order_by(_T.last_heard_at)
        .limit(limit)
        .with_for_update(of=intake_episodes, skip_locked=True)
    )
    return [_to_episode(row) for row in rows.mappings()]


async def list_newest(
    connection: AsyncConnection,
    statuses: Sequence[EpisodeStatus],
    source: str | None,
    segment: ListSegment,
) -> list[Episode]:
    wanted: list[ColumnElement[bool]] = []
    if statuses:
        wanted.append(_T.status.in_(statuses))
    if source is not None:
        wanted.append(_T.source == source)
    key = Keyset((_T.first_heard_at, _T.id))
    listing = Listing(intake_episodes, key, wanted, select(*_OWN))
    return [_to_episode(row) for row in await read_part(connection, listing, segment)]


def _to_episode(row: RowMapping | dict[str, Any]) -> Episode:
    known, target, code = dict(row), row["target"], row["reason_code"]
    if target is not None:
        target = AlertTarget(**target | {"severity": Severity(target["severity"])})
    return Episode(
        **known
        | {
            "status": EpisodeStatus(known["status"]),
            "target": target,
            "reason_code": None if code is None else EpisodeReason(code),
        }
    )
