"""Abandon a delivery that the receiver never accepted, or whose workflow somebody ended."""

from adapters.postgres import deliveries
from adapters.postgres.database import Database
from domain.deliveries import DeliveryStatus


async def abandon_delivery(
    database: Database, delivery_id: str, problem: str = ""
) -> DeliveryStatus:
    """Return what it is by then: PENDING where somebody wants it tried anew, and SUCCESS where it was accepted."""
    async with database.transaction() as connection:
        return await deliveries.abandon(connection, delivery_id, problem)
