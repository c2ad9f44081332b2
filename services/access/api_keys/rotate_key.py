"""Rotate an API key: a new one that may do the same; the old one ends after an overlap."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.api_keys import KeyRecord
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RotateKey:
    key_id: str
    new_id: str
    new_key: str = field(repr=False)
    overlap: timedelta
    request: Request
    at: datetime


async def rotate_key(database: Database, command: RotateKey) -> KeyRecord:
    """Return the record of the new key. Raises Conflict where one has replaced the old key already, and is good."""
    at, old_ends = command.at, command.at + command.overlap
    async with database.transaction() as connection:
        old = await api_keys.lock(connection, command.key_id)
        if not old.is_valid(at):
            raise Conflict(f"the API key {old.id!r} is revoked or has expired: create another one")
        await _refuse_replaced(connection, old, at)
        new = replace(
            old,
            id=command.new_id,
            created_by=command.request.actor,
            created_at=at,
            last_used_at=None,
            replaced_by=None,
        )
        await api_keys.add(connection, new, command.new_key)
        await api_keys.replace(connection, old.id, new.id, old_ends)
        payload = {"name": old.name, "key_id": new.id, "replaces": old.id, "until": old_ends}
        subject = f"key/{old.name}"
        await events.publish(
            connection,
            make_audit_entry(subject, "key.rotated", command.request, at, payload, new.id),
        )
    return new


async def _refuse_replaced(connection: AsyncConnection, old: KeyRecord, at: datetime) -> None:
    """Refuse a key that was rotated before, unless its successor was revoked or has expired."""
    if old.replaced_by is None:
        return
    successor = await api_keys.lock(connection, old.replaced_by)
    if successor.is_valid(at):
        raise Conflict(
            f"the API key {old.id!r} was rotated already, at {format_instant(successor.created_at)}: use or rotate "
            f"its successor {successor.id!r}, or revoke that one first"
        )
