"""Create an API key: for somebody else's program, or for a person."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.access import api_keys, people
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.parties import get_party
from domain.access.api_keys import KeyRecord
from domain.access.people import check_party
from domain.access.permissions import Permission, Role, check_scopes
from domain.audit import ENGINE, make_audit_entry
from domain.errors import Invalid
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class CreateKey:
    """`email`: the person whose it is, and who says its party. `replaces`: other keys of the name are revoked."""

    id: str
    name: str
    role: Role
    key: str = field(repr=False)
    request: Request
    at: datetime
    scopes: frozenset[Permission] | None = None
    email: str | None = None
    expires_at: datetime | None = None
    replaces: bool = False
    party: str | None = None


async def create_key(database: Database, command: CreateKey) -> KeyRecord:
    """Store the digest of the key, and what it may be used for."""
    request, at = command.request, command.at
    if command.expires_at is not None and command.expires_at <= at:
        raise Invalid("expires_at", "must be an instant to come")
    check_scopes(command.role, command.scopes)
    if command.name == ENGINE:
        raise Invalid("name", f"{ENGINE!r} is who acts by itself in the audit trail: use another")
    async with database.transaction() as connection:
        await api_keys.lock_name(connection, command.name)
        record = await _make_record(connection, command)
        replaced = 0
        if command.replaces:
            replaced = await api_keys.revoke_by_name(connection, command.name)
        await api_keys.add(connection, record, command.key)
        payload = {
            "name": command.name,
            "role": command.role,
            "key_id": command.id,
            "scopes": None if command.scopes is None else sorted(command.scopes),
            "person": command.email,
            "party": record.party,
            "expires_at": command.expires_at,
            "replaced": replaced,
        }
        subject = f"key/{command.name}"
        await events.publish(
            connection,
            make_audit_entry(subject, "key.given", request, at, payload, command.id),
        )
    return record


async def _make_record(connection: AsyncConnection, command: CreateKey) -> KeyRecord:
    """A person's key comes in the name of the person's party, also when that changes."""
    person, party = None, command.party
    if command.email is not None:
        person = await people.lock(connection, command.email)
        if command.party not in (None, person.party):
            raise Invalid("party", "a person's key has the party of the person: leave it out")
        party = person.party
    check_party(command.role, party)
    if party is not None:
        await get_party(connection, party)
    return KeyRecord(
        command.id,
        command.name,
        command.role,
        command.scopes,
        None if person is None else person.id,
        command.request.actor,
        command.at,
        command.expires_at,
        None,
        None,
        party if person is None else None,
    )
