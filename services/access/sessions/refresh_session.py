"""Exchange a refresh token for the next one of its session."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.access import sessions
from adapters.postgres.database import Database
from domain.access.people import PersonStatus
from domain.access.sessions import (
    EndReason,
    RefreshOutcome,
    RefreshRecord,
    SessionRecord,
    derive_successor,
    hash_token,
    judge_refresh,
)
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.events import EventType, make_event
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RefreshSession:
    token: str = field(repr=False)
    idle: timedelta
    correlation_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RefreshedSession:
    session: SessionRecord
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedRefresh:
    """Nothing was given."""


async def refresh_session(
    database: Database, command: RefreshSession
) -> RefreshedSession | RefusedRefresh:
    """Give the next token; end the session where an old one shows that somebody has copied it."""
    digest, at = hash_token(command.token), command.at
    async with database.transaction() as connection:
        found = await sessions.lock_by_refresh_token(connection, digest)
        if found is None:
            return RefusedRefresh()
        session, token, salt = found
        if session.find_end(at, command.idle) or session.person.status is PersonStatus.DISABLED:
            return RefusedRefresh()
        outcome, successor = judge_refresh(token, at), derive_successor(salt, command.token)
        if outcome is RefreshOutcome.REUSED:
            await _end(connection, session, token, command)
            return RefusedRefresh()
        if outcome is RefreshOutcome.ROTATE:
            await sessions.use_refresh_token(connection, digest, at)
            await sessions.add_refresh_token(
                connection, session.id, token.sequence + 1, hash_token(successor)
            )
        await sessions.touch(connection, session.id, at)
    return RefreshedSession(session, successor)


async def _end(
    connection: AsyncConnection,
    session: SessionRecord,
    token: RefreshRecord,
    command: RefreshSession,
) -> None:
    at, email = command.at, session.person.email
    await sessions.end(connection, EndReason.REFRESH_REUSED, at, id=session.id)
    payload = {
        "session_id": session.id,
        "person": email,
        "token_sequence": token.sequence,
        "newest_sequence": token.newest,
        "used_at": None if token.used_at is None else format_instant(token.used_at),
    }
    by = Request(email, command.correlation_id)
    entry = make_audit_entry(
        f"person/{email}", "session.refresh_reused", by, at, payload, session.id
    )
    event = make_event(EventType.REFRESH_TOKEN_REUSED, None, at, payload, session.id)
    await events.publish(connection, entry, event)
