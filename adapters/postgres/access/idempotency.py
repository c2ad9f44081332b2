"""Idempotency keys: who is carrying a request out, and what it was answered."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import idempotency_keys
from domain.requests import IdempotencyClaim, KeptAnswer, KnownRequest

PURGED_AT_ONCE_MAX = 10_000
# A key that has expired is new; one whose holder is believed to be dead goes to who asks the same again.
_CLAIM = text(
    """
    INSERT INTO idempotency_keys AS k (
        principal, key_digest, fingerprint, state, holder, claimed_until, created_at, expires_at
    )
    VALUES (
        :principal, :key_digest, :fingerprint, 'in_flight', :holder, :claimed_until, :at, :expires_at
    )
    ON CONFLICT (principal, key_digest) DO UPDATE SET
        fingerprint = excluded.fingerprint, state = 'in_flight', holder = excluded.holder,
        claimed_until = excluded.claimed_until, created_at = excluded.created_at,
        expires_at = excluded.expires_at, response_status = NULL, headers = NULL, body = NULL
    WHERE k.expires_at <= :at
       OR (k.state = 'in_flight' AND k.claimed_until <= :at AND k.fingerprint = excluded.fingerprint)
    RETURNING k.holder
    """
)
_KEEP = text(
    """
    UPDATE idempotency_keys
    SET state = 'completed', response_status = :status, headers = :headers, body = :body
    WHERE principal = :principal AND key_digest = :key_digest AND holder = :holder
    """
).bindparams(bindparam("headers", type_=JSONB))
_RELEASE = text(
    """
    DELETE FROM idempotency_keys
    WHERE principal = :principal AND key_digest = :key_digest AND holder = :holder
      AND state = 'in_flight'
    """
)
_PURGE = text(
    """
    DELETE FROM idempotency_keys WHERE (principal, key_digest) IN (
        SELECT principal, key_digest FROM idempotency_keys WHERE expires_at <= :at LIMIT :limit
    )
    """
)


async def claim(connection: AsyncConnection, claim: IdempotencyClaim, at: datetime) -> bool:
    """Return whether the caller is the one who carries the request out."""
    wanted = _name_claim(claim) | {
        "fingerprint": claim.fingerprint,
        "claimed_until": claim.claimed_until,
        "expires_at": claim.expires_at,
        "at": at,
    }
    return bool(await connection.scalar(_CLAIM, wanted) == claim.holder)


async def find(connection: AsyncConnection, claim: IdempotencyClaim) -> KnownRequest | None:
    """Return what is known of the key that another one has; None when it was given back meanwhile."""
    rows = await connection.execute(
        select(idempotency_keys).where(
            idempotency_keys.c.principal == claim.principal,
            idempotency_keys.c.key_digest == claim.key_digest,
        )
    )
    if (row := rows.one_or_none()) is None:
        return None
    headers = [(name, value) for name, value in row.headers or ()]
    answer = (
        None if row.response_status is None else KeptAnswer(row.response_status, headers, row.body)
    )
    return KnownRequest(row.fingerprint, answer)


async def keep(connection: AsyncConnection, claim: IdempotencyClaim, answer: KeptAnswer) -> bool:
    """Keep an answer; return False when the claim is another's by now."""
    given = {
        "status": answer.status,
        "headers": [list(pair) for pair in answer.headers],
        "body": answer.body,
    }
    kept = await connection.execute(_KEEP, _name_claim(claim) | given)
    return kept.rowcount == 1


async def release(connection: AsyncConnection, claim: IdempotencyClaim) -> None:
    """Give a key back whose request has changed nothing."""
    await connection.execute(_RELEASE, _name_claim(claim))


def _name_claim(claim: IdempotencyClaim) -> dict[str, Any]:
    return {
        "principal": claim.principal,
        "key_digest": claim.key_digest,
        "holder": claim.holder,
    }


async def purge(connection: AsyncConnection, at: datetime) -> int:
    """Delete some keys that have expired; return how many."""
    purged = await connection.execute(_PURGE, {"at": at, "limit": PURGED_AT_ONCE_MAX})
    return purged.rowcount
