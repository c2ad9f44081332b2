"""Abandon a delivery that the receiver never accepted."""

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from domain.webhooks import DeliveryStatus


async def abandon_delivery(database: Database, delivery_id: str) -> DeliveryStatus:
    async with database.transaction() as connection:
        return await webhooks.abandon(connection, delivery_id)
