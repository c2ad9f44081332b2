"""Who rides in a batch, and who may not: those at fault, and those who must be let go anew."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from activities.limits import Gate
from adapters.failpoints import reach
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.batches import at_fault
from domain.payments import Payment
from domain.reasons import Reason
from domain.shares import Transfer
from services.settlement.batches.call_back import call_back
from services.settlement.batches.leave_out import leave_out


async def leave_out_obstructed(
    database: Database,
    held: Reservation,
    riding: Sequence[Transfer],
    obstacles: Mapping[int, Reason],
) -> None:
    """Park those who cannot be paid, before anything is signed for them."""
    out = at_fault(riding, obstacles)
    await leave_out(database, held, out, datetime.now(UTC))
    reach("after_park")


async def call_back_stopped(
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
        await call_back(database, held, left, stopped)
    return len(left)
