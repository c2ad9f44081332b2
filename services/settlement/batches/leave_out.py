"""Park those of a batch who cannot be paid, before anything is signed for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import shares
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.batches import Batch, Ejected
from domain.payments import Payment, PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def leave_out(
    database: Database, held: Reservation, out: Sequence[Ejected], at: datetime
) -> None:
    """Nobody leaves when bytes were stored meanwhile, or when somebody else left."""
    batch = Batch(held.payment_id, held.n)
    async with database.transaction() as connection:
        riders, _ = await shares.riding(connection, batch)
        if await shares.leave_out(connection, held, {each.payment_id: each.reason for each in out}):
            await park_within(connection, riders, out, at)


async def park_within(
    connection: AsyncConnection, riders: Mapping[str, Payment], out: Sequence[Ejected], at: datetime
) -> list[str]:
    """Park those at fault; return the deliveries that tell of it."""
    held = [(riders[ejected.payment_id], ejected.reason) for ejected in out]
    return await stop_payments_within(connection, held, PaymentStatus.PARKED, at)
