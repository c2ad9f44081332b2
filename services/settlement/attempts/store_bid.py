"""Store a higher bid for signed bytes, before it is sent."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.envelopes import Envelope


async def store_bid(database: Database, reservation: Reservation, higher: Envelope) -> Envelope:
    """Return the highest bid that is stored, by this run or another."""
    async with database.transaction(durable=True) as connection:
        return await envelopes.store_bid(connection, reservation, higher)
