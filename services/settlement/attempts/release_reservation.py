"""Give a channel back for which nothing was signed."""

from adapters.postgres import attempts
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database


async def release_reservation(database: Database, held: Reservation) -> bool:
    """False when bytes were stored meanwhile: those may be on their way, and keep the channel."""
    async with database.autocommit() as connection:
        return await attempts.release(connection, held)
