"""Remove payments from a batch before it is signed: those at fault, and those that a limit stops or that have moved."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from activities.settlement.limits import SigningGate
from adapters.failpoints import reach
from adapters.postgres.database import Database
from adapters.postgres.settlement.attempts import Reservation
from adapters.postgres.settlement.listings.payments import list_moved
from domain.reasons import Reason
from domain.settlement.allocations import Transfer
from domain.settlement.batches import find_at_fault
from domain.settlement.payments import Payment
from services.settlement.batches.remove_members import remove_members
from services.settlement.batches.remove_stopped import remove_stopped


async def remove_obstructed(
    database: Database,
    reserved: Reservation,
    transfers: Sequence[Transfer],
    obstacles: Mapping[int, Reason],
) -> None:
    """Block the payments that cannot be made, before anything is signed for them."""
    out = find_at_fault(transfers, obstacles)
    await remove_members(database, reserved, out, datetime.now(UTC))
    reach("after_block")


async def withdraw_stopped(
    database: Database,
    gate: SigningGate,
    reserved: Reservation,
    members: Mapping[str, Payment],
    transfers: Sequence[Transfer],
) -> int:
    """
    Check each payment once more before it is signed for. One that a limit stops by now, that was paid out of
    band, or whose payee is paid elsewhere by now, is withdrawn with all that share a transfer with it. Those are ready again; its
    own workflow finds what stops it. Return how many payments were withdrawn.
    """
    stopped = set(await gate.find_out_of_band(*members.values()))
    stopped |= set(await gate.find_holds_again(list(members.values())))
    async with database.autocommit() as connection:
        stopped |= await list_moved(connection, members, gate.now())
    left = [
        allocation.payment_id
        for transfer in transfers
        if any(allocation.payment_id in stopped for allocation in transfer.allocations)
        for allocation in transfer.allocations
    ]
    if left:
        await remove_stopped(database, reserved, left, stopped)
    return len(left)
