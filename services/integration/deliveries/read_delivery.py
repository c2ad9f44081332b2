"""Read what is to be posted to a receiver."""

from adapters.postgres import deliveries
from adapters.postgres.database import Database
from adapters.postgres.deliveries import PendingDelivery


async def read_delivery(database: Database, delivery_id: str) -> PendingDelivery | None:
    """Return the delivery; None when its subscription is deleted."""
    async with database.transaction() as connection:
        return await deliveries.load_delivery(connection, delivery_id)
