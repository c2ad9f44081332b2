"""Stop a payment whose sequence was used by bytes we do not know, and its channel with it."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from domain.settlement.attempts import ObservedAttempt
from domain.settlement.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def quarantine_payment(database: Database, observed: ObservedAttempt) -> list[str] | None:
    """Return the deliveries that tell of it; None when a person's release was faster."""
    held = [(observed.payment, observed.observation.why)]
    async with database.transaction() as connection:
        if not await channels.quarantine(connection, observed.attempt):
            return None
        return await stop_payments_within(connection, held, PaymentStatus.QUARANTINED, observed.at)
