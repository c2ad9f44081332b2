"""Take payments out of a batch that must be let go anew before anything is signed for them."""

from collections.abc import Collection

from adapters.postgres import batches, shares
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database


async def call_back(
    database: Database, held: Reservation, left: Collection[str], stopped: Collection[str]
) -> None:
    """All of `left` leave; those that nothing stopped are ready again."""
    async with database.transaction() as connection:
        if await shares.leave_out(connection, held, dict.fromkeys(left)):
            for payment_id in sorted(set(left) - set(stopped)):
                await batches.ready(connection, payment_id)
