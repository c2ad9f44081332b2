"""Put a party on record, by the caller's own code."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import parties
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request
from domain.sla.agreements.parties import Party, PartyKind


@dataclass(frozen=True, slots=True)
class CreateParty:
    id: str
    name: str
    kind: PartyKind
    request: Request
    at: datetime


async def create_party(database: Database, command: CreateParty) -> Party:
    """Return the party that was added, or the one that was there with the same content."""
    wanted = (command.name, command.kind)
    async with database.transaction() as connection:
        known = await parties.add_party(
            connection, command.id, command.kind, command.name, command.request.actor
        )
        if (known.name, known.kind) != wanted:
            raise Conflict(
                f"party {known.id!r} is on record as the {known.kind} {known.name!r}; use another id"
            )
        payload = {"party_id": known.id, "name": known.name, "kind": known.kind}
        entry = make_audit_entry(
            f"party/{known.id}", "party.created", command.request, command.at, payload
        )
        await events.publish(connection, entry)
    return known
