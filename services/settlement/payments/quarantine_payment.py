"""Quarantine a payment and its channel, when unknown bytes have used its sequence."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from domain.settlement.attempts import ObservedAttempt
from domain.settlement.payments import PaymentStatus
from services.settlement.payments.stop_payment import stop_payments_within


async def quarantine_payment(database: Database, observed: ObservedAttempt) -> bool:
    """Return False when a person's release was faster."""
    stopping = [(observed.payment, observed.observation.why)]
    async with database.transaction() as connection:
        if not await channels.quarantine(connection, observed.attempt):
            return False
        await stop_payments_within(connection, stopping, PaymentStatus.QUARANTINED, observed.at)
    return True
