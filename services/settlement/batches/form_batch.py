"""Take the payments that are ready, and reserve the channel that will carry them."""

from collections.abc import Sequence
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import batches
from domain.settlement.batches import Batch, Plan


async def form_batch(
    database: Database, plan: Plan, ours: Sequence[str], now: datetime
) -> Batch | None:
    """Return the batch; None when nothing is ready, or no channel of ours is free."""
    async with database.transaction() as connection:
        return await batches.form_batch(connection, plan, now, ours)
