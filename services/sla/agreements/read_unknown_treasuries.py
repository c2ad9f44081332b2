"""Find out about which treasuries the network has to be asked."""

from collections.abc import Sequence

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries


async def read_unknown_treasuries(database: Database, named: Sequence[str | None]) -> list[str]:
    """Return those that no agreement pays from yet: the network has to be asked about them."""
    async with database.autocommit() as connection:
        known = await treasuries.list_addresses(connection)
    return sorted({each for each in named if each is not None} - known)
