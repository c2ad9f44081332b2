"""Forms that come twice, by a second click or by going back: carried out once, and answered the same."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.postgres.database import Database
from domain.errors import ApexError, RequestInFlight
from domain.requests import IdempotencyClaim, KeptAnswer, make_idempotency_claim
from services.access.idempotency.claim_key import claim_key
from services.access.idempotency.keep_answer import keep_answer
from services.access.idempotency.release_key import release_key

LOOK_SECONDS = 0.2
# How long the second of two clicks waits for the first.
LOOKS_MAX = 50


async def run_once(
    database: Database, identity: str, key: str, act: Callable[[], Awaitable[Any]]
) -> None:
    """Do what a form asks, unless this very form has had it done. What is refused changes nothing and may come again."""
    content = hashlib.sha256(key.encode()).digest()
    claim = make_idempotency_claim(
        identity, f"console {key}", content, uuid4().hex, datetime.now(UTC)
    )
    if await _is_done(database, claim):
        return
    try:
        await act()
    except BaseException:
        with suppress(ApexError):
            await release_key(database, claim)
        raise
    with suppress(ApexError):  # it is done, whether that is on record or not
        await keep_answer(database, claim, KeptAnswer(303, [], b""))


async def _is_done(database: Database, claim: IdempotencyClaim) -> bool:
    """Claim a form, or wait for whoever carries it out. Raises RequestInFlight where that takes too long."""
    for looks in range(1, LOOKS_MAX + 1):
        try:
            return await claim_key(database, claim, datetime.now(UTC)) is not None
        except RequestInFlight:
            if looks == LOOKS_MAX:
                raise
            await asyncio.sleep(LOOK_SECONDS)
    return False
