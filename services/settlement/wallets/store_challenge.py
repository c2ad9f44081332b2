"""Store a challenge that the owner of an account is given to sign."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from domain.settlement.owners.wallets import Challenge


async def store_challenge(database: Database, given: Challenge, owner: str) -> None:
    async with database.autocommit() as connection:
        await wallets.save_challenge(connection, given, owner)
