"""Keep what the network said of an account."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from domain.settlement.wallets import Readiness


async def record_readiness(database: Database, read: Readiness) -> None:
    """An older word does not replace a newer one."""
    async with database.autocommit() as connection:
        await wallets.save_readiness(connection, read)
