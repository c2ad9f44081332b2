"""Read whether payments were ever netted here: the chain shows one such transfer under the number of its first."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations


async def has_netted(database: Database) -> bool:
    async with database.autocommit() as connection:
        return await allocations.has_netted(connection)
