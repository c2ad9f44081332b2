"""Quarantine the payments and the channel of a batch whose sequence unknown bytes have used."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, channels
from domain.settlement.batches import ObservedBatch
from domain.settlement.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def quarantine_batch(database: Database, observed: ObservedBatch) -> bool:
    """Return False when a person's release was faster."""
    reason = observed.observation.why
    async with database.transaction() as connection:
        if not await channels.quarantine(connection, observed.attempt):
            return False
        members, _ = await allocations.get_members(connection, observed.batch)
        stopping = [(member, reason) for member in members.values()]
        await stop_payments_within(connection, stopping, PaymentStatus.QUARANTINED, observed.at)
    return True
