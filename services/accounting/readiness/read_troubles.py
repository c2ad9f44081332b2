"""Read what keeps money from moving, and whether the database takes what is written to it."""

from adapters.postgres.accounting import troubles
from adapters.postgres.database import Database
from domain.accounting.troubles import Trouble


async def read_troubles(database: Database) -> list[Trouble]:
    """Raises Unavailable when the database does not answer."""
    async with database.transaction() as connection:
        found = await troubles.list_troubles(connection)
        # The last of it: where it fails, so does the transaction.
        obstacle = await troubles.find_write_obstacle(connection)
    return found if obstacle is None else [obstacle, *found]
