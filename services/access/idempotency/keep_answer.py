"""Keep what a request with an idempotency key was answered, with what it did."""

from adapters.postgres.access import idempotency
from adapters.postgres.database import Database
from domain.requests import IdempotencyClaim, KeptAnswer


async def keep_answer(database: Database, claim: IdempotencyClaim, answer: KeptAnswer) -> bool:
    """Return False when another one carries the request out by now; with what the unit of work has written, if it has."""
    async with database.autocommit() as connection:
        return await idempotency.keep(connection, claim, answer)
