"""Abandon a delivery that the receiver never accepted."""

from adapters.postgres import deliveries
from adapters.postgres.database import Database
from domain.deliveries import DeliveryStatus


async def abandon_delivery(database: Database, delivery_id: str) -> DeliveryStatus:
    async with database.transaction() as connection:
        return await deliveries.abandon(connection, delivery_id)
