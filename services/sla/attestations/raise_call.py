"""Store a higher bid for a call's place before it is sent."""

from adapters.postgres.database import Database
from adapters.postgres.sla import contract_calls
from domain.sla.attestations import Call


async def raise_call(database: Database, call: Call, higher: Call) -> Call:
    """Return the bid that is stored, by this run or another."""
    async with database.transaction() as connection:
        return await contract_calls.store_bid(connection, call, higher)
