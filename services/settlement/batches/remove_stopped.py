"""Take payments out of a batch that must be let go anew before anything is signed for them."""

from collections.abc import Collection

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, batches
from adapters.postgres.settlement.attempts import Reservation


async def remove_stopped(
    database: Database, reservation: Reservation, left: Collection[str], stopped: Collection[str]
) -> None:
    """All of `left` leave; those that nothing stopped are ready again."""
    async with database.transaction() as connection:
        if await allocations.remove_members(connection, reservation, dict.fromkeys(left)):
            for payment_id in sorted(set(left) - set(stopped)):
                await batches.mark_ready(connection, payment_id)
