"""Forget the answers of requests that nobody may repeat any more."""

from datetime import datetime

from adapters.postgres.access import idempotency
from adapters.postgres.database import Database


async def purge_keys(database: Database, at: datetime) -> int:
    """Delete some keys that expired before `at`; return how many, 0 once there are no more."""
    async with database.transaction() as connection:
        return await idempotency.purge(connection, at)
