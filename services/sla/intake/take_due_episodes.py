"""Take episodes whose outage is to be brought in line with them; nobody else takes them for a while."""

from datetime import datetime, timedelta

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes
from domain.sla.intake.episodes import Episode

# As long as a workflow may take to answer twice; who takes longer is overtaken, which does no harm.
LEASE = timedelta(seconds=20)


async def take_due_episodes(
    database: Database, at: datetime, limit: int
) -> list[tuple[Episode, int]]:
    """Return each with how often it was tried before. What is taken and not concluded is due again."""
    async with database.transaction() as connection:
        return await episodes.take_due(connection, at, LEASE, limit)
