"""Release the channel of an attempt for which nothing was signed."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts
from adapters.postgres.settlement.attempts import Reservation


async def release_reservation(database: Database, reservation: Reservation) -> bool:
    """Return False when bytes were stored meanwhile: those may be on their way, and keep the channel."""
    async with database.autocommit() as connection:
        return await attempts.release(connection, reservation)
