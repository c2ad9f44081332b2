"""Put a person on record who may log in."""

from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import people
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.parties import get_party
from domain.access.people import Person, PersonStatus, check_party
from domain.access.permissions import Role
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RegisterPerson:
    id: str
    email: str
    full_name: str | None
    role: Role
    password_hash: str = field(repr=False)
    request: Request
    at: datetime
    party: str | None = None


async def register_person(database: Database, command: RegisterPerson) -> Person:
    """Raises Conflict when somebody has the address already; nothing of theirs changes."""
    person = Person(
        command.id,
        command.email,
        command.full_name,
        command.role,
        PersonStatus.ACTIVE,
        None,
        command.at,
        command.party,
    )
    check_party(person.role, person.party)
    async with database.transaction() as connection:
        if person.party is not None:
            await get_party(connection, person.party)
        if not await people.add(connection, person, command.password_hash):
            raise Conflict(f"{command.email} is registered already: log in")
        payload = {
            "person_id": person.id,
            "role": person.role,
            "full_name": person.full_name,
            "party": person.party,
        }
        await events.publish(
            connection,
            make_audit_entry(
                f"person/{person.email}",
                "person.registered",
                command.request,
                command.at,
                payload,
                person.id,
            ),
        )
    return person
