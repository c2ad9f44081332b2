"""Who calls, by what a request carries: an API key, an access token, or the cookie of a session."""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi import Request

from adapters.credentials.passwords import PasswordHasher
from adapters.postgres.database import Database
from adapters.settings import ApiSettings
from api.access.csrf import check_csrf
from api.access.rate_limits import RateLimit
from api.access.session_watch import SessionWatch
from api.access.token_keys import TokenKeys
from domain.access.api_keys import is_mistyped
from domain.access.principals import Principal
from domain.access.sessions import hash_token
from domain.errors import Unauthenticated
from services.access.api_keys.use_key import use_key
from services.access.sessions.use_session import UseSession, use_session

REMEMBERED_MAX = 1000
REMEMBERED_SECONDS = 2.0
MISSING = "the API key is missing: send it in the header X-API-Key, or log in"


@dataclass
class AccessContext:
    """What the process needs to know its callers, and whom it has just known."""

    settings: ApiSettings
    database: Database
    hasher: PasswordHasher
    tokens: TokenKeys
    watch: SessionWatch
    known: dict[bytes, tuple[Principal, float]] = field(default_factory=dict)
    logins: RateLimit = field(
        default_factory=lambda: RateLimit("logins", 30, 60, "too many logins from your address")
    )
    wrong_keys: RateLimit = field(
        default_factory=lambda: RateLimit("wrong-keys", 60, 60, "too many wrong keys")
    )

    @property
    def idle(self) -> timedelta:
        return timedelta(hours=self.settings.session_idle_hours)

    def forget(self) -> None:
        """Know nobody without asking: something has changed."""
        self.known.clear()


async def find_principal(
    request: Request, context: AccessContext, key: str | None, token: str | None, cookie: str | None
) -> Principal:
    """Return the caller; what was revoked or changed meanwhile is so within seconds."""
    kind, secret = ("key", key) if key else ("token", token) if token else ("cookie", cookie)
    if not secret:
        raise Unauthenticated(MISSING)
    if kind == "cookie":
        check_csrf(request, secret)
    digest = hashlib.sha256(f"{kind}\x1f{secret}".encode()).digest()
    known, now = context.known.get(digest), time.monotonic()
    if known is None or now - known[1] > REMEMBERED_SECONDS:
        context.known.pop(digest, None)
        known = await _FINDERS[kind](request, context, secret), now
        if len(context.known) >= REMEMBERED_MAX:
            context.known.clear()
        context.known[digest] = known
    return known[0]


async def _find_by_key(request: Request, context: AccessContext, key: str) -> Principal:
    found = None if is_mistyped(key) else await use_key(context.database, key)
    if found is None:
        context.wrong_keys.take(request)
        raise Unauthenticated("the API key is not known: ask an admin for one")
    return found


async def _find_by_token(request: Request, context: AccessContext, token: str) -> Principal:
    claims, found = await context.tokens.verify(token), None
    if claims is not None:
        wanted = UseSession(claims.session_id, None, context.idle, datetime.now(UTC))
        found = await use_session(context.database, wanted)
    if found is None:
        context.wrong_keys.take(request)
        raise Unauthenticated("the access token is not good any more: refresh it")
    return found


async def _find_by_cookie(request: Request, context: AccessContext, cookie: str) -> Principal:
    wanted = UseSession(None, hash_token(cookie), context.idle, datetime.now(UTC))
    found = await use_session(context.database, wanted)
    if found is None:
        raise Unauthenticated("the session has ended: log in again")
    return found


_FINDERS = {"key": _find_by_key, "token": _find_by_token, "cookie": _find_by_cookie}
