"""Stop the payments of a batch whose bytes are dead and cannot be followed by others."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations
from domain.reasons import Reason
from domain.settlement.batches import Batch
from domain.settlement.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


@dataclass(frozen=True, slots=True)
class StopBatch:
    """`dead_after` is the last ledger of the dead bytes."""

    batch: Batch
    obstacle: Reason
    status: PaymentStatus
    dead_after: int
    at: datetime


async def stop_batch(database: Database, command: StopBatch) -> None:
    """Stop all members together: the pair is theirs until it is consumed."""
    async with database.transaction() as connection:
        members, _ = await allocations.get_members(connection, command.batch)
        stopped = [(member, command.obstacle) for member in members.values()]
        await stop_payments_within(
            connection, stopped, command.status, command.at, command.dead_after
        )
