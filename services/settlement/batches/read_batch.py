"""Read what is on record of a batch: its members, those removed, and the deliveries that announce that."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts
from adapters.postgres.settlement.attempts import Reservation
from domain.events import EventType, derive_event_id
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import Prepared
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    ObstructedBatch,
    PrepareBatchResult,
    RemovedPayment,
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
        deliveries = await find_removal_deliveries_within(connection, batch, out)
        again = await allocations.list_withdrawn(connection, batch)
    return PrepareBatchResult(state, out, deliveries, again)


async def find_removal_deliveries_within(
    connection: AsyncConnection, batch: Batch, out: Sequence[RemovedPayment]
) -> list[str]:
    """Return the deliveries that announce removals by an earlier run."""
    outages = await allocations.get_outage_ids(connection, batch)
    event_ids = [
        derive_event_id(
            EventType.PAYMENT_BLOCKED,
            outages[item.payment_id],
            item.payment_id,
            item.reason.sentence,
        )
        for item in out
    ]
    return await webhooks.find_deliveries(connection, *event_ids)
