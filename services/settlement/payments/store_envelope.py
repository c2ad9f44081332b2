"""Store signed bytes, and reserve the money, before the first of them leaves the process."""

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes
from adapters.postgres.settlement.attempts import Reservation
from domain.accounting.journal import make_reservation
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Payment


async def store_envelope(
    database: Database, payment: Payment, reservation: Reservation, envelope: Envelope
) -> Envelope:
    """Return what is stored: these bytes, or those that another run stored meanwhile."""
    async with database.transaction(durable=True) as connection:
        stored = await envelopes.store(connection, reservation, envelope)
        await journal.post_entry(connection, make_reservation(payment, reservation.n))
    return stored
