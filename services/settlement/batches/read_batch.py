"""Read what is on record of a batch: its members, and those removed."""

from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import Prepared
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    ObstructedBatch,
    PrepareBatchResult,
)
from domain.settlement.payments import Payment


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """The attempt, its payments by id, and the transfers they make."""

    reservation: Reservation | None
    members: dict[str, Payment]
    transfers: list[Transfer]


async def read_batch(database: Database, batch: Batch) -> BatchRecord:
    async with database.autocommit() as connection:
        reservation = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        return BatchRecord(reservation, *await allocations.get_members(connection, batch))


async def read_preparation(
    database: Database, batch: Batch, state: Prepared | ObstructedBatch | EmptyBatch
) -> PrepareBatchResult:
    """Return how far a batch has come, and who was removed from it by this run or another."""
    async with database.autocommit() as connection:
        out = await allocations.list_removed(connection, batch)
        again = await allocations.list_withdrawn(connection, batch)
    return PrepareBatchResult(state, out, again)
