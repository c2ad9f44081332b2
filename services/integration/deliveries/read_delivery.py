"""What is to be posted to a receiver."""

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.webhooks import Parcel


async def read_delivery(database: Database, delivery_id: str) -> Parcel | None:
    """None when the subscription is gone."""
    async with database.transaction() as connection:
        return await webhooks.parcel(connection, delivery_id)
