"""The signing keys that this process knows: read again now and then, so that rotation needs no restart."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapters.credentials import access_tokens
from adapters.credentials.access_tokens import AccessClaims
from adapters.credentials.secret_box import SecretBox
from adapters.postgres.access import signing_keys
from adapters.postgres.database import Database
from domain.access.signing_keys import SigningKey, choose_signing_key
from domain.errors import Unavailable

READ_EVERY_SECONDS = 30.0


@dataclass
class TokenKeys:
    database: Database
    box: SecretBox
    known: list[SigningKey] = field(default_factory=list)
    read_at: float = -READ_EVERY_SECONDS

    async def read(self) -> list[SigningKey]:
        """Return all keys by which a token may be checked."""
        if time.monotonic() - self.read_at >= READ_EVERY_SECONDS:
            async with self.database.autocommit() as connection:
                self.known = await signing_keys.list_shown(connection, self.box, datetime.now(UTC))
            self.read_at = time.monotonic()
        return self.known

    async def sign(self, claims: AccessClaims) -> str:
        now = datetime.now(UTC)
        key = choose_signing_key(await self.read(), now)
        if key is None:
            raise Unavailable("no key signs access tokens: restart the API, which makes one")
        return access_tokens.sign(key, claims, now)

    async def verify(self, token: str) -> AccessClaims | None:
        return access_tokens.verify(token, await self.read(), datetime.now(UTC))
