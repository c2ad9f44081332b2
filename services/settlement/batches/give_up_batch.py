"""Give up a batch whose bytes expired unused, because some of its payments were paid otherwise."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts, batches, payments
from domain.settlement.attempts import AttemptStatus
from domain.settlement.batches import ObservedBatch
from domain.settlement.payments import PaymentStatus
from services.settlement.batches.fail_batch import release_reservations_within


async def give_up_batch(database: Database, observed: ObservedBatch) -> list[str]:
    """
    End the attempt, free its channel with the sequence that was not consumed, and return its payments,
    which are ready again: each finds for itself whether it was paid.
    """
    batch, dead = observed.batch, observed.attempt
    async with database.transaction() as connection:
        members, _ = await allocations.get_members(connection, batch)
        reason = observed.observation.reason
        if await attempts.finish(connection, dead, AttemptStatus.FAILED, reason):
            await attempts.release_sequence(connection, dead)
            await attempts.give_back_sequence(connection, dead)
            await payments.move_all(connection, list(members), PaymentStatus.PENDING)
            await release_reservations_within(connection, observed, members)
            for payment_id in members:
                await batches.mark_ready(connection, payment_id)
    return list(members)
