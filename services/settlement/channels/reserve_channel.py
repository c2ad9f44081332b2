"""Give a payment its (channel, sequence), or the one it has already."""

from collections.abc import Sequence

from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions, attempts, channels
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.channels import QueuePosition
from domain.settlement.payments import Payment


async def reserve_channel(
    database: Database, payment: Payment, ours: Sequence[str]
) -> Reservation | QueuePosition:
    """Return the reservation, or the place in the line where every channel of ours serves another."""
    async with database.autocommit() as connection:
        reservation = await attempts.reserve(connection, payment.id, ours)
        if reservation is not None:
            return reservation
        await admissions.release_stopped(connection, payment.id)
        return await channels.get_queue_position(connection, payment.id, ours)
