"""Claim deliveries that are due, for as long as posting them takes."""

from collections.abc import Mapping

from adapters.postgres.database import Database
from adapters.postgres.integration import due_deliveries
from adapters.postgres.integration.due_deliveries import PendingDelivery
from domain.deliveries import Room


async def claim_due(
    database: Database, busy: Mapping[str, Room], total: int
) -> list[PendingDelivery]:
    """
    Return up to `total` deliveries that nobody else tries for a while. `busy` says of receivers what this
    process has on its way to them, and how much more may leave now.
    """
    async with database.autocommit() as connection:
        return await due_deliveries.claim(connection, busy, total)
