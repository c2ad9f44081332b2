"""Keep what the network said of an account."""

from adapters.postgres import wallets
from adapters.postgres.database import Database
from domain.wallets import Readiness


async def keep_readiness(database: Database, read: Readiness) -> None:
    """An older word does not replace a newer one."""
    async with database.autocommit() as connection:
        await wallets.note(connection, read)
