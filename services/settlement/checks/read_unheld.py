"""Read which payments were blocked because the settlement worker did not have the seed of their treasury."""

from collections.abc import Collection

from adapters.postgres.database import Database
from adapters.postgres.settlement.listings import payments


async def read_unheld(database: Database, signable: Collection[str]) -> list[str]:
    """Return the workflows of those whose treasuries are among the `signable` by now."""
    async with database.autocommit() as connection:
        return await payments.list_unheld(connection, signable)
