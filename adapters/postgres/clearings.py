"""What became of the money in suspense, in the database: said once for each break."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import clearings
from domain.clearings import Clearing, ClearingRecord, Outcome, cleared
from domain.ledger import Entry


async def get(connection: AsyncConnection, break_id: str) -> ClearingRecord | None:
    rows = await connection.execute(select(clearings).where(clearings.c.break_id == break_id))
    row = rows.mappings().one_or_none()
    if row is None:
        return None
    said = Clearing(
        row["break_id"],
        Outcome(row["outcome"]),
        row["note"],
        row["cleared_by"],
        row["cleared_at"],
    )
    return ClearingRecord(said, row["amount_stroops"], row["entry_id"])


async def keep(connection: AsyncConnection, clearing: Clearing, entry: Entry) -> None:
    """Write it down beside the entry that was booked; the caller holds the break's lock."""
    await connection.execute(
        insert(clearings).values(
            break_id=clearing.break_id,
            outcome=clearing.outcome,
            amount_stroops=cleared(entry),
            entry_id=entry.id,
            note=clearing.note,
            cleared_by=clearing.cleared_by,
            cleared_at=clearing.at,
        )
    )
