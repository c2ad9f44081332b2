"""Block the payments of a batch that cannot be made, before anything is signed for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.batches import Batch, RemovedPayment
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def remove_members(
    database: Database, reservation: Reservation, out: Sequence[RemovedPayment], at: datetime
) -> None:
    """Remove and block them; nobody, when bytes were stored or members changed meanwhile."""
    batch = Batch(reservation.payment_id, reservation.n)
    async with database.transaction() as connection:
        members, _ = await allocations.get_members(connection, batch)
        if await allocations.remove_members(
            connection, reservation, {each.payment_id: each.reason for each in out}
        ):
            await block_members_within(connection, members, out, at)


async def block_members_within(
    connection: AsyncConnection,
    members: Mapping[str, Payment],
    out: Sequence[RemovedPayment],
    at: datetime,
) -> None:
    """Block those at fault, and announce it."""
    stopping = [(members[removed.payment_id], removed.reason) for removed in out]
    await stop_payments_within(connection, stopping, PaymentStatus.BLOCKED, at)
