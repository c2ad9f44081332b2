"""Keep a higher bid for signed bytes, before it is sent."""

from adapters.postgres import envelopes
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.envelopes import Envelope


async def keep_bid(database: Database, held: Reservation, higher: Envelope) -> Envelope:
    """Return the highest bid that is kept, by whichever run."""
    async with database.autocommit() as connection:
        return await envelopes.bid(connection, held, higher)
