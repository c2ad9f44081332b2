"""Read which deliveries a receiver failed to take."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.integration import redeliveries


async def read_failed(
    database: Database, webhook_id: str, since: datetime, after: str, limit: int
) -> list[str]:
    """Return a page of their ids, those that follow one."""
    async with database.autocommit() as connection:
        return await redeliveries.list_failed(connection, webhook_id, since, after, limit)
