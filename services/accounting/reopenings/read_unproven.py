"""Read the attempt that a reopening would end: on record as made, and missed on the chain."""

from adapters.postgres.accounting import break_resolutions
from adapters.postgres.database import Database
from domain.accounting.reopenings import UnprovenAttempt


async def read_unproven(database: Database, payment_id: str) -> UnprovenAttempt:
    """Raises Conflict when the payment is not on record as made, or nothing misses it."""
    async with database.transaction() as connection:
        return await break_resolutions.lock_unproven(connection, payment_id)
