"""Everything the database knows of one payment, from the debt to its proof."""

from adapters.postgres import stories
from adapters.postgres.database import Database, take_snapshot
from domain.stories import Story


async def trace_payment(database: Database, name: str) -> Story:
    """Find a payment by its id, its number or a transaction hash, and tell it as of one moment."""
    async with database.transaction() as connection:
        await take_snapshot(connection)  # all of it as of one moment, while the payment goes on
        return await stories.tell(connection, await stories.find(connection, name))
