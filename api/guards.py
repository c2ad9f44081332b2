"""What stands before every route: a correlation id, and a limit on what a caller may send."""

import re
from contextlib import suppress
from uuid import uuid4

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 1_048_576
DRAIN_BYTES_MAX = 32 * BODY_BYTES_MAX
SENTENCE = f"body: must be at most {BODY_BYTES_MAX} bytes"
HEADER = b"x-correlation-id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)


class BodyTooLarge(Exception):
    """The caller sent more than any request needs."""


class Limit:
    """Lets a body through up to the limit, and remembers that it was more."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.received = 0

    @property
    def exceeded(self) -> bool:
        return self.received > BODY_BYTES_MAX

    async def __call__(self) -> Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.exceeded:
            raise BodyTooLarge
        return message


class Guards:
    """Plain ASGI, because every request passes here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        given = headers.get(HEADER, b"").decode("latin-1")
        correlation_id = given if _CORRELATION_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (HEADER, correlation_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > BODY_BYTES_MAX:
            return await _refuse(scope, receive, send_with_id, correlation_id)
        limit = Limit(receive)

        async def send_unless_too_large(message: Message) -> None:
            # The framework turns whatever goes wrong with a body into an answer of its own.
            if not limit.exceeded:
                await send_with_id(message)

        with suppress(BodyTooLarge):
            await self.app(scope, limit, send_unless_too_large)
        if limit.exceeded:
            await _refuse(scope, receive, send_with_id, correlation_id)


async def _drain(receive: Receive) -> None:
    """Hear a caller out, within reason: most cannot read an answer before they have sent it all."""
    received, more = 0, True
    while more and received <= DRAIN_BYTES_MAX:
        message = await receive()
        received += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _refuse(scope: Scope, receive: Receive, send: Send, correlation_id: str) -> None:
    await _drain(receive)
    body = orjson.dumps(
        {
            "type": "/docs/errors#too_large",
            "title": "too large",
            "status": 413,
            "detail": SENTENCE,
            "instance": scope["path"],
            "correlation_id": correlation_id,
            "errors": [{"field": "body", "message": SENTENCE}],
        }
    )
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        # What may still be on its way is not read, so the connection cannot be used again.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
