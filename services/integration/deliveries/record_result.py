"""Record a receiver's answer."""

from datetime import datetime

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from domain.webhooks import DeliveryResult, DeliveryStatus


async def record_result(
    database: Database, result: DeliveryResult, status: DeliveryStatus, at: datetime
) -> None:
    """A delivery that succeeded never goes back."""
    async with database.transaction() as connection:
        await webhooks.record_result(connection, result, status, at)
