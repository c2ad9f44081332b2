"""Revoke every API key of a name."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.errors import NotFound
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RevokeKeys:
    """Every key of a name."""

    name: str
    request: Request
    at: datetime


async def revoke_keys(database: Database, command: RevokeKeys) -> int:
    """Return how many were revoked; at least one."""
    async with database.transaction() as connection:
        count = await api_keys.revoke_by_name(connection, command.name)
        if not count:
            raise NotFound(f"{command.name!r} has no API key that is valid")
        payload = {"name": command.name, "count": count}
        entry = make_audit_entry(
            f"key/{command.name}",
            "key.revoked",
            command.request,
            command.at,
            payload,
            command.at.isoformat(),
        )
        await events.publish(connection, entry)
    return count
