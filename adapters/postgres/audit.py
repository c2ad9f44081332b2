"""Reading the audit trail; `events.publish` writes it, in the transaction of each change."""

from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import audit_leaves


async def trail(connection: AsyncConnection, subject: str) -> list[dict[str, Any]]:
    """Return the leaves of one subject in the order they were written, with their hashes."""
    rows = await connection.execute(
        select(audit_leaves.c.content, audit_leaves.c.hash, audit_leaves.c.sequence)
        .where(audit_leaves.c.subject == subject)
        .order_by(audit_leaves.c.sequence)
    )
    return [
        {**orjson.loads(row.content), "hash": row.hash.hex(), "sequence": row.sequence}
        for row in rows
    ]
