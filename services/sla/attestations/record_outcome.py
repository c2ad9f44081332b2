"""Record what is proven of a call; an earlier record is kept."""

from adapters.postgres.database import Database
from adapters.postgres.sla import contract_calls
from domain.sla.attestations import Call, CallOutcome


async def record_outcome(database: Database, call: Call, outcome: CallOutcome) -> None:
    async with database.transaction() as connection:
        await contract_calls.record_outcome(connection, call, outcome)
