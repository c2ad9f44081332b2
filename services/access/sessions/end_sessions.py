"""End sessions: one, or all of a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import people, sessions
from adapters.postgres.database import Database
from domain.access.sessions import EndReason
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import NotFound
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class EndSessions:
    """Of the person with that address; `session_id`: this one alone."""

    email: str
    session_id: str | None
    reason: EndReason
    request: Request
    at: datetime


async def end_sessions(database: Database, command: EndSessions) -> Sequence[str]:
    """Return the sessions that went on until now. Raises NotFound for a session that is another's."""
    at, session_id = command.at, command.session_id
    async with database.transaction() as connection:
        person = await people.lock(connection, command.email)
        if session_id is None:
            ended = await sessions.end(connection, command.reason, at, person_id=person.id)
        else:
            known = await sessions.find(connection, id=session_id)
            if known is None or known.person.id != person.id:
                raise NotFound(f"{command.email} has no session {session_id!r}")
            ended = await sessions.end(connection, command.reason, at, id=session_id)
        if ended:
            payload = {"sessions_ended": sorted(ended), "reason": command.reason}
            subject, key = f"person/{person.email}", format_instant(at)
            entry = make_audit_entry(
                subject, "session.ended", command.request, at, payload, *sorted(ended), key
            )
            await events.publish(connection, entry)
    return ended
