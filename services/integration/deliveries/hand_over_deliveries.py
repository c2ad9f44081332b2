"""Leave deliveries whose first attempt failed to their workflows."""

from collections.abc import Sequence

from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from adapters.postgres.integration.due_deliveries import PendingDelivery


async def hand_over_deliveries(database: Database, claimed: Sequence[PendingDelivery]) -> None:
    """Call this once their workflows run: until then whoever dispatches finds them again."""
    async with database.transaction() as connection:
        await due_deliveries.hand_over(connection, claimed)
