"""Save that a settlement worker looks after a network, whether or not the network answers."""

from datetime import datetime

from adapters.postgres import networks
from adapters.postgres.database import Database


async def mark_monitored(database: Database, passphrase: str, at: datetime) -> None:
    """Save that a settlement worker looks after a network, whether or not the network answers."""
    async with database.transaction() as connection:
        await networks.save_monitored_at(connection, passphrase, at)
