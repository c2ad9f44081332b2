"""What stands before every route: a correlation id, and a limit on what a caller may send."""

import logging
import re
import time
from contextlib import suppress
from uuid import uuid4

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import logs

log = logging.getLogger(__name__)
BODY_BYTES_MAX = 1_048_576
DRAIN_BYTES_MAX = 32 * BODY_BYTES_MAX
BODY_RULE = f"must be at most {BODY_BYTES_MAX} bytes"
PREFIX = "/api/v1"
# A file, and what a form puts around it.
UPLOAD_BYTES_MAX = 10 * BODY_BYTES_MAX + 65_536
UPLOADS = frozenset({("POST", f"{PREFIX}/outages/bulk")})
HEADER = b"x-correlation-id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)


class BodyTooLarge(Exception):
    """The caller sent more than any request needs."""


class Limit:
    """Lets a body through up to the limit, and remembers that it was more."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self.receive = receive
        self.bytes_max = bytes_max
        self.received = 0

    @property
    def exceeded(self) -> bool:
        return self.received > self.bytes_max

    async def __call__(self) -> Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.exceeded:
            raise BodyTooLarge
        return message


class Answer:
    """Sends on what the application answers, with our headers, and remembers the status."""

    def __init__(self, send: Send, correlation_id: str) -> None:
        self.send = send
        self.correlation_id = correlation_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message["headers"],
                (HEADER, self.correlation_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self.send(message)


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
        with logs.replace_context(correlation_id=correlation_id):
            await self._answer(scope, receive, Answer(send, correlation_id), headers)

    async def _answer(
        self, scope: Scope, receive: Receive, answer: Answer, headers: dict[bytes, bytes]
    ) -> None:
        """Let the application answer, whatever goes wrong in it, and write one line of access log."""
        began = time.perf_counter()
        try:
            await self._limited(scope, receive, answer, headers)
        except Exception:
            log.exception("unexpected error")
            if answer.status:
                raise  # half an answer has left; the server cuts the connection
            await _send_problem(
                scope, answer, 500, "internal", render_internal(answer.correlation_id)
            )
        finally:
            took = round((time.perf_counter() - began) * 1000, 3)
            line = {"method": scope["method"], "route": get_route(scope), "status": answer.status}
            # A path that no route has may hold anything, so it is not written down.
            log.info("request", extra=line | {"duration_ms": took})

    async def _limited(
        self, scope: Scope, receive: Receive, answer: Answer, headers: dict[bytes, bytes]
    ) -> None:
        length, bytes_max = headers.get(b"content-length", b"0"), choose_limit(scope)
        if length.isdigit() and int(length) > bytes_max:
            return await _refuse(scope, receive, answer, bytes_max)
        limit = Limit(receive, bytes_max)

        async def send_unless_too_large(message: Message) -> None:
            # The framework turns whatever goes wrong with a body into an answer of its own.
            if not limit.exceeded:
                await answer(message)

        with suppress(BodyTooLarge):
            await self.app(scope, limit, send_unless_too_large)
        if limit.exceeded:
            await _refuse(scope, receive, answer, bytes_max)


def choose_limit(scope: Scope) -> int:
    """Return how large a body may be: a file is larger than what people write."""
    upload = (scope["method"], scope["path"]) in UPLOADS
    return UPLOAD_BYTES_MAX if upload else BODY_BYTES_MAX


def get_route(scope: Scope) -> str:
    """The template of the route that answered, never the path itself."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "unmatched"
    # That of an included router lacks what it was included under.
    inside = scope["path"].startswith(f"{PREFIX}/") and not template.startswith(f"{PREFIX}/")
    prefix = PREFIX if inside else ""
    return f"{prefix}{template}"


def render_internal(correlation_id: str) -> str:
    return f"Internal error. Quote correlation_id {correlation_id}; details are in the server log."


async def _drain(receive: Receive) -> None:
    """Hear a caller out, within reason: most cannot read an answer before they have sent it all."""
    received, more = 0, True
    while more and received <= DRAIN_BYTES_MAX:
        message = await receive()
        received += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _refuse(scope: Scope, receive: Receive, answer: Answer, bytes_max: int) -> None:
    await _drain(receive)
    rule = f"must be at most {bytes_max} bytes"
    errors = [{"field": "body", "message": rule}]
    await _send_problem(scope, answer, 413, "too_large", f"body: {rule}", errors)


async def _send_problem(
    scope: Scope,
    answer: Answer,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
) -> None:
    content = {
        "type": f"/docs/errors#{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "instance": scope["path"],
        "correlation_id": answer.correlation_id,
    }
    body = orjson.dumps(content | ({"errors": errors} if errors else {}))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        # What may still be on its way is not read, so the connection cannot be used again.
        (b"connection", b"close"),
    ]
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})
