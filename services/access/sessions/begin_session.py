"""Begin the session of a person whose password was right."""

from dataclasses import dataclass, field

from adapters.postgres import events
from adapters.postgres.access import login_attempts, people, sessions
from adapters.postgres.access.sessions import NewSession
from adapters.postgres.database import Database
from domain.access.people import Person, PersonStatus
from domain.audit import make_audit_entry
from domain.errors import WrongCredentials
from domain.requests import Request

WRONG = "the e-mail address or the password is wrong"


@dataclass(frozen=True, slots=True)
class BeginSession:
    """`verified` is the hash the password was checked against; `new_hash` one that replaces it."""

    email: str
    verified: str = field(repr=False)
    new_hash: str | None = field(repr=False)
    session: NewSession
    device: bytes
    counters: tuple[str, ...]
    request: Request


async def begin_session(database: Database, command: BeginSession) -> Person:
    """Raises WrongCredentials when the person may not log in, or has another password by now."""
    new, at = command.session, command.session.at
    async with database.transaction() as connection:
        person = await people.find(connection, command.email)
        if person is None or person.status is not PersonStatus.ACTIVE:
            raise WrongCredentials(WRONG)
        person = await people.lock(connection, command.email)
        if await people.get_password_hash(connection, command.email) != command.verified:
            raise WrongCredentials(WRONG)
        if command.new_hash is not None:
            await people.change(connection, person.id, password_hash=command.new_hash)
        await sessions.add(connection, person.id, new)
        await people.remember_device(connection, person.id, command.device, at)
        await login_attempts.forget_failures(connection, command.counters, at)
        payload = {"session_id": new.id, "address": new.address, "client": new.client}
        subject = f"person/{person.email}"
        entry = make_audit_entry(subject, "session.began", command.request, at, payload, new.id)
        await events.publish(connection, entry)
    return person
