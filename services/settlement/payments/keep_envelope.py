"""Keep signed bytes, and reserve the money, before the first of them leaves the process."""

from adapters.postgres import envelopes, ledger
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.envelopes import Envelope
from domain.ledger import reservation
from domain.payments import Payment


async def keep_envelope(
    database: Database, payment: Payment, held: Reservation, envelope: Envelope
) -> Envelope:
    """Return what is stored: these bytes, or those that another run stored meanwhile."""
    async with database.transaction() as connection:
        stored = await envelopes.store(connection, held, envelope)
        await ledger.book(connection, reservation(payment, held.n))
    return stored
