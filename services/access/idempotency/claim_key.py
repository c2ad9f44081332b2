"""Claim an idempotency key, or learn what its request was answered."""

from datetime import datetime

from adapters.postgres.access import idempotency
from adapters.postgres.database import Database
from domain.errors import IdempotencyKeyReused, RequestInFlight
from domain.requests import IdempotencyClaim, KeptAnswer


async def claim_key(database: Database, claim: IdempotencyClaim, at: datetime) -> KeptAnswer | None:
    """
    Return the answer that is on record; None when the caller is to carry the request out.

    Raises IdempotencyKeyReused for a key that came with other content, and RequestInFlight while somebody
    carries the same request out.
    """
    async with database.autocommit() as connection:
        if await idempotency.claim(connection, claim, at):
            return None
        known = await idempotency.find(connection, claim)
    if known is not None and known.fingerprint != claim.fingerprint:
        raise IdempotencyKeyReused(
            "this Idempotency-Key came with another path or body before: send a new key with new content"
        )
    if known is None or known.answer is None:
        raise RequestInFlight(
            "the request with this Idempotency-Key is being carried out: repeat it in a moment"
        )
    return known.answer
