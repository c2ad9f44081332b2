"""Read what is to be posted to a receiver."""

from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from adapters.postgres.integration.due_deliveries import PendingDelivery


async def read_delivery(database: Database, delivery_id: str) -> PendingDelivery | None:
    """Return the delivery; None when there is none."""
    async with database.transaction() as connection:
        found = await due_deliveries.load(connection, [delivery_id])
    return found[0] if found else None
