"""Give an idempotency key back, because its request was refused or failed: it has changed nothing."""

from adapters.postgres.access import idempotency
from adapters.postgres.database import Database
from domain.requests import IdempotencyClaim


async def release_key(database: Database, claim: IdempotencyClaim) -> None:
    async with database.autocommit() as connection:
        await idempotency.release(connection, claim)
