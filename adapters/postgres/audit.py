"""Read the audit trail; `events.publish` writes it, in the transaction of each change."""

from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import audit_entries


async def is_recorded(connection: AsyncConnection, entry_id: str) -> bool:
    """Return whether a change is on record already."""
    found = await connection.scalar(
        select(audit_entries.c.id).where(audit_entries.c.id == entry_id)
    )
    return found is not None


async def read_trail(connection: AsyncConnection, subject: str) -> list[dict[str, Any]]:
    """Return the audit entries of one subject in the order they were written, with their hashes."""
    rows = await connection.execute(
        select(audit_entries.c.content, audit_entries.c.hash, audit_entries.c.sequence)
        .where(audit_entries.c.subject == subject)
        .order_by(audit_entries.c.sequence)
    )
    return [
        {**orjson.loads(row.content), "hash": row.hash.hex(), "sequence": row.sequence}
        for row in rows
    ]
