"""Count how many deliveries of an outage's events there are, and how many are delivered or not tried yet."""

from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from domain.deliveries import TriedDeliveries


async def count_tried(database: Database, outage_id: str) -> TriedDeliveries:
    async with database.autocommit() as connection:
        return await due_deliveries.count_tried(connection, outage_id)
