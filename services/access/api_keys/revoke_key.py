"""Revoke an API key; nothing else of its name changes."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.api_keys import KeyRecord
from domain.audit import make_audit_entry
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RevokeKey:
    key_id: str
    request: Request
    at: datetime


async def revoke_key(database: Database, command: RevokeKey) -> KeyRecord:
    """Return the key; one that is revoked already stays as it is."""
    async with database.transaction() as connection:
        record = await api_keys.lock(connection, command.key_id)
        if await api_keys.revoke_key(connection, record.id):
            payload = {"name": record.name, "key_id": record.id}
            subject = f"key/{record.name}"
            await events.publish(
                connection,
                make_audit_entry(
                    subject, "key.revoked", command.request, command.at, payload, record.id
                ),
            )
        return await api_keys.lock(connection, command.key_id)
