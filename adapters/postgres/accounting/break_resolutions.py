"""Break resolutions in the database: what became of the money in suspense, once for each break."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import break_resolutions
from domain.accounting.break_resolutions import (
    BreakResolution,
    BreakResolutionOutcome,
    BreakResolutionRecord,
    get_resolved_stroops,
)
from domain.accounting.journal import Entry


async def get(connection: AsyncConnection, break_id: str) -> BreakResolutionRecord | None:
    rows = await connection.execute(
        select(break_resolutions).where(break_resolutions.c.break_id == break_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        return None
    resolution = BreakResolution(
        row["break_id"],
        BreakResolutionOutcome(row["outcome"]),
        row["note"],
        row["resolved_by"],
        row["resolved_at"],
    )
    return BreakResolutionRecord(resolution, row["amount_stroops"], row["entry_id"])


async def save(connection: AsyncConnection, resolution: BreakResolution, entry: Entry) -> None:
    """Save a resolution with the entry that was posted for it; the caller has locked the break."""
    await connection.execute(
        insert(break_resolutions).values(
            break_id=resolution.break_id,
            outcome=resolution.outcome,
            amount_stroops=get_resolved_stroops(entry),
            entry_id=entry.id,
            note=resolution.note,
            resolved_by=resolution.resolved_by,
            resolved_at=resolution.at,
        )
    )
