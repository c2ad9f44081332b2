"""Read what a recomputation compares: nothing is changed by it."""

from adapters.postgres.database import Database
from adapters.postgres.jobs import recomputations
from domain.jobs.recomputations import JudgedOutage
from domain.sla.listings import OutageFilter


async def read_judged(
    database: Database, wanted: OutageFilter, after: str, limit: int
) -> list[JudgedOutage]:
    """Return a page of the judged outages of a filter, whose ids follow one."""
    async with database.autocommit() as connection:
        return await recomputations.list_judged(connection, wanted, after, limit)


async def read_judged_count(database: Database, wanted: OutageFilter) -> int:
    async with database.autocommit() as connection:
        return await recomputations.count_judged(connection, wanted)
