"""Record what the network says of an account."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from domain.settlement.owners.wallets import Readiness


async def record_readiness(database: Database, read: Readiness) -> None:
    """Record it unless a newer answer is on record."""
    async with database.autocommit() as connection:
        await wallets.save_readiness(connection, read)
