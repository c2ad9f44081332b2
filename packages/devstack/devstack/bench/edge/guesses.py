"""Strangers who guess passwords and keys, so many a minute, each from an address of their own."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from devstack.bench.load_loops import open_loop
from devstack.replay.api_client import API
from domain.access.api_keys import ID_BYTES, SECRET_BYTES, format_key

PER_MINUTE = 1000
ANSWER_SECONDS = 30
NO_ANSWER = 0
# Wrong, too many, or not known: whoever guesses is told nothing else.
REFUSALS = frozenset({400, 401, 429})


class Guessed(StrEnum):
    """What strangers guess; nothing, so that there is something to compare with."""

    NOTHING = "nothing"
    LOGINS = "logins"
    KEYS = "keys"


@dataclass(frozen=True)
class Guesser:
    """
    Guesses of one kind. No limit by address spares the API, as none of the addresses comes twice, and each
    account and key is another one: every login is hashed, and every key is looked up.
    """

    session: aiohttp.ClientSession
    url: str
    guessed: Guessed

    async def guess(self, seconds: float) -> Counter[int]:
        """Guess for so long; return how often each status was answered."""
        answered = Counter[int]()

        async def once(_position: int) -> None:
            answered[await self._send()] += 1

        if self.guessed is Guessed.NOTHING:
            await asyncio.sleep(seconds)
        else:
            await open_loop(once, PER_MINUTE / 60, seconds)
        return answered

    async def _send(self) -> int:
        # As a proxy on this machine says; the connection itself is of the loopback interface.
        headers = {"X-Forwarded-For": ".".join(["10", *map(str, secrets.token_bytes(3))])}
        method, path, body = "GET", "/outages", None
        if self.guessed is Guessed.LOGINS:
            method, path = "POST", "/auth/login"
            email = f"{secrets.token_hex(6)}@example.com"
            body = {"email": email, "password": secrets.token_urlsafe(12)}
        else:
            wrong = format_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
            headers["X-API-Key"] = wrong
        try:
            async with self.session.request(
                method, f"{self.url}{API}{path}", json=body, headers=headers
            ) as response:
                await response.read()
                return response.status
        except (TimeoutError, aiohttp.ClientError):
            return NO_ANSWER


def open_session() -> aiohttp.ClientSession:
    """Return a session for guesses; a context."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
