"""
`Idempotency-Key`: a request that bears one is carried out once, and answered the same however often it comes.

The key is claimed when a route begins, after it has let the caller in. What the route writes is one unit
of work, committed with its answer. What it asks of a workflow has an id derived from caller, key and
content, so that whoever repeats it after a crash reaches the same. A refusal changes nothing and is not kept.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import failpoints
from adapters.credentials import sealing
from adapters.postgres.database import Database
from adapters.postgres.unit_of_work import UnitOfWork
from api import problems
from api.edge.uploads import is_upload
from api.middleware import UNSAFE
from domain.errors import ApexError, Invalid, TryAgain
from domain.requests import IdempotencyClaim, KeptAnswer, make_idempotency_claim
from services.access.idempotency.claim_key import claim_key
from services.access.idempotency.keep_answer import keep_answer
from services.access.idempotency.release_key import release_key

log = logging.getLogger(__name__)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_MAX = 200
Endpoint = Callable[..., Awaitable[Any]]


class KeyedRequest:
    """One request with a key: what was sent, who claims it, and what it is answered."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, keys: list[bytes]) -> None:
        self.scope = scope
        self.unit = UnitOfWork()
        self._receive, self._send, self._keys = receive, send, keys
        self._sent: list[bytes] = []
        self._claim: IdempotencyClaim | None = None
        self._start: Message | None = None
        self._body: list[bytes] = []

    @property
    def database(self) -> Database:
        return cast(Database, self.scope["app"].state.engine.database)

    async def receive(self) -> Message:
        message = await self._receive()
        self._sent.append(message.get("body", b""))
        return message

    def read_key(self) -> str:
        key = self._keys[0].decode("latin-1")
        if len(self._keys) > 1 or not 1 <= len(key) <= KEY_MAX or not key.isprintable():
            raise Invalid(HEADER, f"must be sent once, with 1 to {KEY_MAX} printable characters")
        return key

    def compute_fingerprint(self) -> bytes:
        """Hash what was asked. A form's boundary is drawn anew for each try, and is no content."""
        scope, body = self.scope, b"".join(self._sent)
        kind = dict(scope["headers"]).get(b"content-type", b"")
        if (boundary := kind.partition(b"boundary=")[2].strip(b'"')) and kind.startswith(b"multi"):
            body = body.replace(boundary, b"")
        asked = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
        return hashlib.sha256(b"\n".join(asked)).digest()

    def derive_update_id(self, principal: str) -> str:
        asked = f"{principal}\x1f{self.read_key()}\x1f".encode() + self.compute_fingerprint()
        return hashlib.sha256(asked).hexdigest()

    async def carry_out(self, endpoint: Endpoint, values: dict[str, Any]) -> Any:
        """Call the route unless its answer is on record; then return that."""
        principal = self.scope["state"].get("principal")
        key, now = self.read_key(), datetime.now(UTC)
        if principal is None or is_upload(self.scope):
            return await endpoint(**values)  # whoever logs in has no keys yet
        claim = make_idempotency_claim(principal, key, self.compute_fingerprint(), uuid4().hex, now)
        if (known := await claim_key(self.database, claim, now)) is not None:
            return _render(known, sealing.unseal(principal, key, known.body))
        self._claim = claim
        with self.unit.activate():
            return await endpoint(**values)

    async def send(self, message: Message) -> None:
        if self._claim is None:
            return await self._send(message)
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._answer(self._claim)

    async def _answer(self, claim: IdempotencyClaim) -> None:
        """End the unit of work as the answer says, and let the answer go."""
        assert self._start is not None
        start, body = self._start, b"".join(self._body)
        try:
            if start["status"] < 400:
                await self._conclude(claim, start, body)
            else:
                await self.abandon()
        except ApexError as error:
            await self.abandon()
            refusal = await problems.render_apex_error(Request(self.scope), error)
            return await refusal(self.scope, self._receive, self._send)
        self._claim = None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    async def _conclude(self, claim: IdempotencyClaim, start: Message, body: bytes) -> None:
        names = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
        ]
        if any(name == "set-cookie" for name, _ in names):
            # A cookie is for the one who asked then, so that it is not kept.
            await self.unit.commit()
            return await self.abandon()
        headers = [(name, value) for name, value in names if name != "content-length"]
        sealed = sealing.seal(claim.principal, self.read_key(), body)
        wrote = self.unit.connection is not None
        try:
            with self.unit.activate():
                kept = await keep_answer(
                    self.database, claim, KeptAnswer(start["status"], headers, sealed)
                )
            failpoints.reach("before_answer")
            if wrote and not kept:
                raise TryAgain("the request took too long; repeat it with the same Idempotency-Key")
            await self.unit.commit()
            failpoints.reach("after_answer")
        except ApexError as error:
            if wrote:
                raise
            # What a workflow has done is done: whoever repeats it reaches the same.
            log.warning("an answer is not kept: %s", error)

    async def abandon(self) -> None:
        """Take back what was written and not committed, and give the key back."""
        await self.unit.roll_back()
        claim, self._claim = self._claim, None
        if claim is not None:
            try:
                await release_key(self.database, claim)
            except ApexError as error:
                log.warning("an idempotency key stays taken for a while: %s", error)


_CURRENT: ContextVar[KeyedRequest | None] = ContextVar("keyed_request", default=None)


def get_keyed_request() -> KeyedRequest | None:
    """Return the request that is being carried out, if it bears a key."""
    return _CURRENT.get()


class Idempotency:
    """Plain ASGI, because every request passes here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = []
        if scope["type"] == "http" and scope["method"] in UNSAFE:
            wanted = HEADER.lower().encode()
            keys = [value for name, value in scope["headers"] if name == wanted]
        if not keys:
            return await self.app(scope, receive, send)
        keyed = KeyedRequest(scope, receive, send, keys)
        token = _CURRENT.set(keyed)
        try:
            # A file is not kept to be compared: the same one again is the same import, with a key or without.
            heard = receive if is_upload(scope) else keyed.receive
            await self.app(scope, heard, keyed.send)
        finally:
            _CURRENT.reset(token)
            await keyed.abandon()


def guard_routes(routers: Iterable[APIRouter]) -> None:
    """Let every route that changes something be carried out once for each key; before they are included."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and UNSAFE & (route.methods or set()):
                route.endpoint = _guard(route.endpoint)


def _guard(endpoint: Endpoint) -> Endpoint:
    if hasattr(endpoint, "is_guarded"):
        return endpoint

    @wraps(endpoint)
    async def carry_out(**values: Any) -> Any:
        keyed = get_keyed_request()
        return await (endpoint(**values) if keyed is None else keyed.carry_out(endpoint, values))

    carry_out.is_guarded = True  # type: ignore[attr-defined]
    return carry_out


def _render(known: KeptAnswer, body: bytes) -> Response:
    answer = Response(body, known.status)
    for name, value in known.headers:
        answer.headers[name] = value
    answer.headers[REPLAYED] = "true"
    return answer
