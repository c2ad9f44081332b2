"""Sessions and their refresh tokens in the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.people import COLUMNS, to_person
from adapters.postgres.tables import people, refresh_tokens, sessions
from domain.access.sessions import EndReason, RefreshRecord, SessionRecord

# Seen again within this time, nothing is written.
SEEN_EVERY = timedelta(minutes=1)
_SHOWN = (
    sessions.c.id.label("session_id"),
    sessions.c.created_at.label("began_at"),
    sessions.c.last_seen_at,
    sessions.c.expires_at,
    sessions.c.ended_at,
    sessions.c.end_reason,
    sessions.c.address,
    sessions.c.client,
)
_WHOLE = select(*_SHOWN, *COLUMNS).join(people, people.c.id == sessions.c.person_id)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be stored: the digests of its secrets, and where it was begun."""

    id: str
    digest: bytes
    refresh_digest: bytes
    refresh_salt: bytes = field(repr=False)
    at: datetime
    expires_at: datetime
    address: str
    client: str


def _to_session(row: Any) -> SessionRecord:
    return SessionRecord(
        row.session_id,
        to_person(row),
        row.began_at,
        row.last_seen_at,
        row.expires_at,
        row.ended_at,
        None if row.end_reason is None else EndReason(row.end_reason),
        row.address,
        row.client,
    )


async def add(connection: AsyncConnection, person_id: str, new: NewSession) -> None:
    await connection.execute(
        insert(sessions).values(
            id=new.id,
            person_id=person_id,
            digest=new.digest,
            refresh_salt=new.refresh_salt,
            created_at=new.at,
            last_seen_at=new.at,
            expires_at=new.expires_at,
            address=new.address,
            client=new.client,
        )
    )
    await add_refresh_token(connection, new.id, 1, new.refresh_digest)


async def find(
    connection: AsyncConnection, *, id: str | None = None, digest: bytes | None = None
) -> SessionRecord | None:
    """Return the session with that id, or whose cookie has that digest."""
    by = sessions.c.id == id if digest is None else sessions.c.digest == digest
    row = (await connection.execute(_WHOLE.where(by))).one_or_none()
    return None if row is None else _to_session(row)


async def list_by_person(connection: AsyncConnection, person_id: str) -> list[SessionRecord]:
    """Return a person's newest sessions, those that have ended too."""
    wanted = _WHOLE.where(sessions.c.person_id == person_id)
    rows = await connection.execute(wanted.order_by(sessions.c.created_at.desc()).limit(200))
    return [_to_session(row) for row in rows]


async def list_some(connection: AsyncConnection, ids: Collection[str]) -> list[SessionRecord]:
    rows = await connection.execute(_WHOLE.where(sessions.c.id.in_(ids)))
    return [_to_session(row) for row in rows]


async def touch(connection: AsyncConnection, session_id: str, at: datetime) -> None:
    """Let a session that is used go on; its end slides."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.last_seen_at < at - SEEN_EVERY)
        .values(last_seen_at=at)
    )


async def end(
    connection: AsyncConnection,
    reason: EndReason,
    at: datetime,
    *,
    id: str | None = None,
    person_id: str | None = None,
    but: str | None = None,
) -> Sequence[str]:
    """End the session with that id, or all of a person `but` one; return those that went on until now."""
    which = sessions.c.id == id if person_id is None else sessions.c.person_id == person_id
    statement = update(sessions).where(which, sessions.c.ended_at.is_(None))
    if but is not None:
        statement = statement.where(sessions.c.id != but)
    rows = await connection.execute(
        statement.values(ended_at=at, end_reason=reason).returning(sessions.c.id)
    )
    return list(rows.scalars())


async def lock_by_refresh_token(
    connection: AsyncConnection, digest: bytes
) -> tuple[SessionRecord, RefreshRecord, bytes] | None:
    """Return the session of a refresh token, the token, and the salt of the next; locked."""
    owner = select(refresh_tokens.c.session_id).where(refresh_tokens.c.digest == digest)
    wanted = select(sessions.c.id, sessions.c.refresh_salt).where(
        sessions.c.id == owner.scalar_subquery()
    )
    row = (await connection.execute(wanted.with_for_update())).one_or_none()
    if row is None:
        return None
    newest = (
        select(func.max(refresh_tokens.c.sequence))
        .where(refresh_tokens.c.session_id == row.id)
        .scalar_subquery()
    )
    token = (
        await connection.execute(
            select(
                refresh_tokens.c.sequence, refresh_tokens.c.used_at, newest.label("newest")
            ).where(refresh_tokens.c.digest == digest)
        )
    ).one()
    session = await find(connection, id=row.id)
    assert session is not None, "it is locked"
    record = RefreshRecord(row.id, token.sequence, token.newest, token.used_at)
    return session, record, row.refresh_salt


async def add_refresh_token(
    connection: AsyncConnection, session_id: str, sequence: int, digest: bytes
) -> None:
    await connection.execute(
        insert(refresh_tokens).values(digest=digest, session_id=session_id, sequence=sequence)
    )


async def use_refresh_token(connection: AsyncConnection, digest: bytes, at: datetime) -> None:
    await connection.execute(
        update(refresh_tokens).where(refresh_tokens.c.digest == digest).values(used_at=at)
    )
