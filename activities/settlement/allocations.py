"""Who is in a batch, and who may not: those at fault, and those who must be let go anew."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from activities.settlement.limits import SigningGate
from adapters.failpoints import reach
from adapters.postgres.database import Database
from adapters.postgres.settlement.attempts import Reservation
from domain.reasons import Reason
from domain.settlement.allocations import Transfer
from domain.settlement.batches import find_at_fault
from domain.settlement.payments import Payment
from services.settlement.batches.remove_members import remove_members
from services.settlement.batches.remove_stopped import remove_stopped


async def remove_obstructed(
    database: Database,
    held: Reservation,
    transfers: Sequence[Transfer],
    obstacles: Mapping[int, Reason],
) -> None:
    """Park those who cannot be paid, before anything is signed for them."""
    out = find_at_fault(transfers, obstacles)
    await remove_members(database, held, out, datetime.now(UTC))
    reach("after_block")


async def call_back_stopped(
    database: Database,
    gate: SigningGate,
    held: Reservation,
    members: Mapping[str, Payment],
    transfers: Sequence[Transfer],
) -> int:
    """
    Ask the gate about each payment once more, now that it is to be signed for: one that a limit
    stops by now, or that was paid out of band, leaves with all that were to go in one transfer with it.
    Those are ready again, and its own workflow finds out what stops it. Returns how many left.
    """
    stopped = set(await gate.find_out_of_band(*(member.id for member in members.values())))
    if gate.allowed.any():
        stopped |= {
            member.id for member in members.values() if await gate.find_hold(member) is not None
        }
    left = [
        allocation.payment_id
        for transfer in transfers
        if any(allocation.payment_id in stopped for allocation in transfer.allocations)
        for allocation in transfer.allocations
    ]
    if left:
        await remove_stopped(database, held, left, stopped)
    return len(left)
