"""Give a delivery up that the receiver never took."""

from adapters.postgres import webhooks
from adapters.postgres.database import Database


async def abandon_delivery(database: Database, delivery_id: str) -> None:
    async with database.transaction() as connection:
        await webhooks.abandon(connection, delivery_id)
