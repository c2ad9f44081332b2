"""Stop a payment whose sequence was used by bytes we do not know, and its channel with it."""

from adapters.postgres import attempts
from adapters.postgres.database import Database
from domain.attempts import Sighting
from domain.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def quarantine_payment(database: Database, sighting: Sighting) -> list[str] | None:
    """Return the deliveries that tell of it; None when a person's release was faster."""
    held = [(sighting.payment, sighting.observation.why)]
    async with database.transaction() as connection:
        if not await attempts.quarantine(connection, sighting.attempt):
            return None
        return await stop_payments_within(connection, held, PaymentStatus.QUARANTINED, sighting.at)
