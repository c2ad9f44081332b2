"""Change a person's password; every other session of theirs ends."""

from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import people, sessions
from adapters.postgres.database import Database
from domain.access.sessions import EndReason
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import WrongCredentials
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """`verified` is the hash that the password of before was checked against."""

    email: str
    verified: str = field(repr=False)
    password_hash: str = field(repr=False)
    session_id: str
    request: Request
    at: datetime


async def change_password(database: Database, command: ChangePassword) -> int:
    """Return how many sessions ended."""
    at = command.at
    async with database.transaction() as connection:
        person = await people.lock(connection, command.email)
        if await people.get_password_hash(connection, command.email) != command.verified:
            raise WrongCredentials("the password was changed meanwhile: log in again")
        await people.change(connection, person.id, password_hash=command.password_hash)
        ended = await sessions.end(
            connection,
            EndReason.PASSWORD_CHANGED,
            at,
            person_id=person.id,
            but=command.session_id,
        )
        payload = {"sessions_ended": sorted(ended)}
        entry = make_audit_entry(
            f"person/{person.email}",
            "person.password_changed",
            command.request,
            at,
            payload,
            format_instant(at),
        )
        await events.publish(connection, entry)
    return len(ended)
