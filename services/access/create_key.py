"""Create a person's API key."""

from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.permissions import Role
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class CreateKey:
    name: str
    role: Role
    key: str = field(repr=False)
    request: Request
    at: datetime


async def create_key(database: Database, command: CreateKey) -> None:
    """Store the digest of the key; one that the person had before is replaced."""
    name, role, at = command.name, command.role, command.at
    async with database.transaction() as connection:
        await api_keys.save_key(connection, name, role, command.key)
        payload = {"name": name, "role": role}
        await events.publish(
            connection,
            make_audit_entry(
                f"key/{name}", "key.given", command.request, at, payload, format_instant(at)
            ),
        )
