"""Stop all who ride in a batch whose sequence was used by bytes we do not know, and its channel."""

from adapters.postgres import attempts, shares
from adapters.postgres.database import Database
from domain.batches import BatchSighting
from domain.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def quarantine_batch(database: Database, sighting: BatchSighting) -> list[str] | None:
    """Return the deliveries that tell of it; None when a person's release was faster."""
    reason = sighting.observation.why
    async with database.transaction() as connection:
        if not await attempts.quarantine(connection, sighting.attempt):
            return None
        riders, _ = await shares.riding(connection, sighting.batch)
        held = [(rider, reason) for rider in riders.values()]
        return await stop_payments_within(connection, held, PaymentStatus.QUARANTINED, sighting.at)
