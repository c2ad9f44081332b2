"""What is on record of a batch: who rides in it, who was left out, and what tells of that."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import attempts, shares, webhooks
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.attempts import Attempt
from domain.batches import Batch, BatchPreparation, Ejected
from domain.events import EventType, event_id
from domain.payments import Payment
from domain.reasons import Reason
from domain.shares import Transfer


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """The attempt, the payments that ride in it by id, and the transfers they make."""

    reservation: Reservation | None
    riders: dict[str, Payment]
    riding: list[Transfer]


async def read_batch(database: Database, batch: Batch) -> BatchRecord:
    async with database.autocommit() as connection:
        held = await attempts.reserved(connection, batch.leader, batch.n)
        return BatchRecord(held, *await shares.riding(connection, batch))


async def read_preparation(
    database: Database, batch: Batch, attempt: Attempt | None, obstacle: Reason | None = None
) -> BatchPreparation:
    """Say how far a batch has come, and who was taken out of it by this run or another."""
    async with database.autocommit() as connection:
        out = await shares.left_out(connection, batch)
        deliveries = await called_for_within(connection, batch, out)
        again = await shares.called_back(connection, batch)
    return BatchPreparation(attempt, out, deliveries, obstacle, again)


async def called_for_within(
    connection: AsyncConnection, batch: Batch, out: Sequence[Ejected]
) -> list[str]:
    """Return the deliveries that an earlier run of a step called for."""
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
