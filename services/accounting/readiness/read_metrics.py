"""Read the figures that are watched, all as of one instant."""

from dataclasses import dataclass

from adapters.postgres import metrics
from adapters.postgres.accounting import troubles
from adapters.postgres.analytics import rollups
from adapters.postgres.database import Database
from adapters.postgres.metrics import StatusCount
from domain.accounting.troubles import Trouble


@dataclass(frozen=True, slots=True)
class EngineFigures:
    payments: list[StatusCount]
    outages: list[StatusCount]
    deliveries: StatusCount
    troubles: list[Trouble]
    # Changes that are not folded into the analytics yet.
    unfolded: int


async def read_metrics(database: Database) -> EngineFigures:
    """Raises Unavailable when the database does not answer."""
    async with database.transaction() as connection:
        return EngineFigures(
            await metrics.count_payments(connection),
            await metrics.count_outages(connection),
            await metrics.count_pending_deliveries(connection),
            await troubles.list_troubles(connection),
            await rollups.count_changes(connection),
        )
