"""Who rides in a batch, and who may not: those at fault, what they are told, what each can prove."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.limits import Gate
from activities.payments import hold
from adapters.failpoints import reach
from adapters.postgres import batches, shares, webhooks
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.batches import Batch, Ejected
from domain.events import EventType, event_id
from domain.payments import Payment, PaymentStatus
from domain.reasons import Reason
from domain.shares import Share, Transfer


def at_fault(riding: Sequence[Transfer], obstacles: Mapping[int, Reason]) -> list[Ejected]:
    """Return who rides in the transfers, named by number, that cannot be made."""
    return [
        Ejected(share.payment_id, obstacles[transfer.number])
        for transfer in riding
        if transfer.number in obstacles
        for share in transfer.shares
    ]


def ridden(transfer: Transfer, share: Share) -> dict[str, Any]:
    """What proves a payment that went together with others: the transfer, and its part of it."""
    return {
        "transfer_number": transfer.number,
        "transfer_stroops": str(transfer.amount_stroops),
        "share_stroops": str(share.amount_stroops),
    }


async def park(
    connection: AsyncConnection, riders: Mapping[str, Payment], out: Sequence[Ejected], at: datetime
) -> list[str]:
    held = [(riders[ejected.payment_id], ejected.reason) for ejected in out]
    return await hold(connection, held, PaymentStatus.PARKED, at)


async def leave_out(
    database: Database,
    held: Reservation,
    riding: Sequence[Transfer],
    obstacles: Mapping[int, Reason],
) -> None:
    """Park those who cannot be paid, before anything is signed for them."""
    out = at_fault(riding, obstacles)
    batch = Batch(held.payment_id, held.n)
    async with database.transaction() as connection:
        riders, _ = await shares.riding(connection, batch)
        if await shares.leave_out(connection, held, {each.payment_id: each.reason for each in out}):
            await park(connection, riders, out, datetime.now(UTC))
    reach("after_park")


async def call_back(
    database: Database,
    gate: Gate,
    held: Reservation,
    riders: Mapping[str, Payment],
    riding: Sequence[Transfer],
) -> int:
    """
    Ask the gate about each payment once more, now that it is to be signed for: one that a limit
    stops by now, or that was paid by hand, leaves with all that were to go in one transfer with it.
    Those are ready again, and its own life finds out what stops it. Returns how many left.
    """
    stopped = set(await gate.by_hand(*(rider.id for rider in riders.values())))
    if gate.allowed.any():
        stopped |= {rider.id for rider in riders.values() if await gate.hold(rider) is not None}
    left = [
        share.payment_id
        for transfer in riding
        if any(share.payment_id in stopped for share in transfer.shares)
        for share in transfer.shares
    ]
    if left:
        async with database.transaction() as connection:
            if await shares.leave_out(connection, held, dict.fromkeys(left)):
                for payment_id in sorted(set(left) - stopped):
                    await batches.ready(connection, payment_id)
    return len(left)


async def called_for(
    connection: AsyncConnection, batch: Batch, out: Sequence[Ejected]
) -> list[str]:
    """Return the deliveries that an earlier run of this step called for."""
    outages = await shares.outages_of(connection, batch)
    told = [
        event_id(
            EventType.PAYMENT_PARKED,
            outages[item.payment_id],
            item.payment_id,
            item.reason.sentence,
        )
        for item in out
    ]
    return await webhooks.called_for(connection, *told)
