"""The audit trail: written in the same transaction as the change it records."""

from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import audit_leaves
from domain.audit import Leaf, leaf_hash


async def append(connection: AsyncConnection, leaf: Leaf) -> bool:
    """Append a leaf; False when the same step already did."""
    content = leaf.content()
    added = await connection.scalar(
        insert(audit_leaves)
        .values(
            id=leaf.id,
            subject=leaf.subject,
            action=leaf.action,
            recorded_at=leaf.at,
            content=content,
            hash=leaf_hash(content),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(audit_leaves.c.sequence)
    )
    return added is not None


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
