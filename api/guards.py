"""What stands before every route: a correlation id, and a limit on what a caller may send."""

import re
from uuid import uuid4

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 1_048_576
HEADER = b"x-correlation-id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)


class BodyTooLarge(Exception):
    """The caller sent more than any request needs."""


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
        answered = False

        async def send_with_id(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [
                    *message["headers"],
                    (HEADER, correlation_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > BODY_BYTES_MAX:
            return await _refuse(scope, send_with_id, correlation_id)
        try:
            await self.app(scope, _limited(receive), send_with_id)
        except BodyTooLarge:
            if not answered:
                await _refuse(scope, send_with_id, correlation_id)


def _limited(receive: Receive) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES_MAX:
            raise BodyTooLarge
        return message

    return limited


async def _refuse(scope: Scope, send: Send, correlation_id: str) -> None:
    body = orjson.dumps(
        {
            "type": "/docs/errors#too_large",
            "title": "too large",
            "status": 413,
            "detail": f"body: must be at most {BODY_BYTES_MAX} bytes",
            "instance": scope["path"],
            "correlation_id": correlation_id,
        }
    )
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        # What is still being sent is not read, so the connection cannot be used again.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
