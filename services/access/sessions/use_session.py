"""Know whose a session is, and let it slide: it ends some time after its last use."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.postgres.access import sessions
from adapters.postgres.database import Database
from domain.access.people import PersonStatus
from domain.access.principals import Principal


@dataclass(frozen=True, slots=True)
class UseSession:
    """By its id, or by the digest of what its cookie holds."""

    session_id: str | None
    digest: bytes | None
    idle: timedelta
    at: datetime


async def use_session(database: Database, command: UseSession) -> Principal | None:
    """Return None for a session that has ended, or is not known."""
    async with database.autocommit() as connection:
        found = await sessions.find(connection, id=command.session_id, digest=command.digest)
        if found is None or found.find_end(command.at, command.idle):
            return None
        person = found.person
        if person.status is PersonStatus.DISABLED:
            return None
        await sessions.touch(connection, found.id, command.at)
    return Principal(
        person.email,
        person.role,
        session_id=found.id,
        person_id=person.id,
        party=person.party,
    )
