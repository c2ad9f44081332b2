"""Change what is on record of a person: their name, or, by an admin, their role, their party or whether they may log in."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.access import people, sessions
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.parties import get_party
from domain.access.people import Person, PersonStatus, check_party
from domain.access.sessions import EndReason
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Forbidden
from domain.requests import Request

GOVERNED = {"role", "status", "party"}


@dataclass(frozen=True, slots=True)
class ChangePerson:
    """`changes` has some of full_name, stellar_wallet, role, status and party."""

    email: str
    changes: dict[str, Any]
    request: Request
    at: datetime


async def change_person(database: Database, command: ChangePerson) -> Person:
    """Return the person as they then are. Nobody changes their own role, status or party."""
    at, by = command.at, command.request
    if GOVERNED & set(command.changes) and by.actor == command.email:
        raise Forbidden("your own role, status and party are changed by another admin")
    async with database.transaction() as connection:
        before = await people.lock(connection, command.email)
        changes = {
            name: value for name, value in command.changes.items() if getattr(before, name) != value
        }
        if not changes:
            return before
        after = replace(before, **changes)
        check_party(after.role, after.party)
        if after.party is not None:
            await get_party(connection, after.party)
        await people.change(connection, before.id, **changes)
        ended: list[str] = []
        if changes.get("status") == PersonStatus.DISABLED:
            reason = EndReason.PERSON_DISABLED
            ended = sorted(await sessions.end(connection, reason, at, person_id=before.id))
        payload = {
            "before": {name: getattr(before, name) for name in changes},
            "after": changes,
            "sessions_ended": ended,
        }
        subject, key = f"person/{before.email}", format_instant(at)
        await events.publish(
            connection, make_audit_entry(subject, "person.changed", by, at, payload, key)
        )
        return await people.lock(connection, command.email)
