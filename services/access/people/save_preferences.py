"""Keep what a person's browser wants to find again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.access import people
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class SavePreferences:
    email: str
    preferences: dict[str, Any]
    request: Request
    at: datetime


async def save_preferences(database: Database, command: SavePreferences) -> None:
    """They replace those of before; the trail says that they changed, and not to what."""
    async with database.transaction() as connection:
        person = await people.lock(connection, command.email)
        known = await people.get_preferences(connection, person.id)
        changed = sorted(
            name
            for name in known | command.preferences
            if known.get(name) != command.preferences.get(name)
        )
        if not changed:
            return
        await people.change(connection, person.id, preferences=command.preferences)
        subject, key = f"person/{person.email}", format_instant(command.at)
        payload = {"changed": len(changed)}
        entry = make_audit_entry(
            subject, "person.preferences_changed", command.request, command.at, payload, key
        )
        await events.publish(connection, entry)
