"""The installation that a database belongs to: its id never changes, whatever is restored."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import installation


async def get_id(connection: AsyncConnection) -> UUID:
    found = await connection.execute(select(installation.c.id))
    id_: UUID = found.scalar_one()
    return id_


async def require_reading(connection: AsyncConnection, past_ledger: int) -> None:
    """Let nothing be signed before the chain was read past a ledger; an earlier one changes nothing."""
    highest = func.greatest(installation.c.read_past_ledger, past_ledger)
    await connection.execute(update(installation).values(read_past_ledger=highest))


async def get_required_ledger(connection: AsyncConnection) -> int:
    """Return the ledger that the chain must be read past before anything is signed; 0 for any."""
    found: int | None = await connection.scalar(select(installation.c.read_past_ledger))
    return found or 0


_BEHIND = text(
    """
    SELECT c.address FROM channels c
    JOIN unnest(CAST(:addresses AS text[]), CAST(:sequences AS bigint[])) AS seen (address, sequence)
      ON seen.address = c.address
    WHERE seen.sequence > greatest(c.sequence, c.read_sequence, (
        SELECT max(a.sequence) FROM attempts a WHERE a.channel = c.address AND NOT a.sequence_unused
    ))
    ORDER BY c.address
    """
)


async def list_behind(connection: AsyncConnection, sequences: Mapping[str, int]) -> list[str]:
    """Return the channels of which the network has consumed more than this database ever knew of."""
    asked = {"addresses": list(sequences), "sequences": list(sequences.values())}
    return list((await connection.execute(_BEHIND, asked)).scalars())
