"""
What stands before every route: ids that follow the request, limits on what a caller may send, and the headers
of every answer. HEAD is answered as GET without its body, and a path with a slash at its end as without.
"""

import logging
import re
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import logs, tracing
from api.edge.body_limits import (
    BodyBudget,
    BodyReader,
    BodyRefused,
    choose_limit,
    is_coded,
    is_streamed,
    refuse_size,
)
from api.edge.raw_problems import CODED, Refusal, list_headers, render_body
from api.edge.request_metrics import count_request
from api.edge.response_headers import (
    CORRELATION_HEADER,
    Headers,
    Origins,
    add_missing,
    list_security_headers,
)
from api.edge.uploads import Uploads

log = logging.getLogger(__name__)
PREFIX = "/api/v1"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)


class Answer:
    """Sends on what the application answers, with our headers, and remembers the status."""

    def __init__(self, send: Send, correlation_id: str, extra: Headers, *, head: bool) -> None:
        self.send = send
        self.correlation_id = correlation_id
        self.extra = extra
        self.head = head
        self.status = 0
        self.ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [(CORRELATION_HEADER, self.correlation_id.encode()), *self.extra]
            message["headers"] = add_missing(message["headers"], own)
            await self.send(message)
            if self.head:
                self.ended = True
                await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self.ended:
            await self.send(message)


class Guards:
    """Plain ASGI, because every request passes here."""

    def __init__(self, app: ASGIApp, origins: Iterable[str] = ()) -> None:
        self.app = app
        self.origins = Origins(origins)
        self.budget = BodyBudget()
        self.uploads = Uploads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # Of a header that comes twice the first counts, as for whoever reads the body: or what is JSON for them alone
        # would not be held to the limits of JSON.
        headers = dict(reversed(scope["headers"]))
        given = headers.get(CORRELATION_HEADER, b"").decode("latin-1")
        correlation_id = given if _CORRELATION_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        extra = [
            *list_security_headers(scope.get("scheme", "http")),
            *self.origins.list_headers(headers.get(b"origin")),
        ]
        # Of this answer alone: a route may say more.
        scope["state"]["answer_headers"] = extra
        answer = Answer(send, correlation_id, extra, head=scope["method"] == "HEAD")
        parent = tracing.parse_traceparent(headers.get(b"traceparent", b"").decode("latin-1"))
        with (
            logs.replace_context(correlation_id=correlation_id),
            tracing.open_span(f"HTTP {scope['method']}", parent, server=True) as span,
        ):
            asked = normalize(scope)
            await self._answer(asked, receive, answer, headers)
            span.describe(f"{scope['method']} {get_route(asked)}", answer.status)

    async def _answer(
        self, scope: Scope, receive: Receive, answer: Answer, headers: dict[bytes, bytes]
    ) -> None:
        """Let the application answer, whatever goes wrong in it, and write one line of access log."""
        began = time.perf_counter()
        method = scope["state"]["method"]
        try:
            if (allowed := self.origins.answer_preflight(scope, headers)) is not None:
                await answer({"type": "http.response.start", "status": 204, "headers": allowed})
                await answer({"type": "http.response.body", "body": b""})
            else:
                kind, route = headers.get(b"content-type", b""), scope["path"]
                bytes_max = choose_limit(method, route.removeprefix(get_prefix(scope)), kind)
                streamed = is_streamed(method, route.removeprefix(get_prefix(scope)))
                reader = BodyReader(receive, headers, self.budget, bytes_max, streamed=streamed)
                with self.uploads.offer(scope, reader) if streamed else nullcontext():
                    await self._limited(scope, reader, answer, headers)
        except Exception:
            log.exception("unexpected error")
            if answer.status:
                raise  # half an answer has left; the server cuts the connection
            internal = Refusal(500, "internal", render_internal(answer.correlation_id))
            await _refuse(scope, answer, internal)
        finally:
            took = time.perf_counter() - began
            route = get_route(scope)
            count_request(method, route, answer.status, took)
            # A path that no route has may hold anything, so it is not written down.
            line = {"method": method, "route": route, "status": answer.status}
            log.info("request", extra=line | {"duration_ms": round(took * 1000, 3)})

    async def _limited(
        self, scope: Scope, reader: BodyReader, answer: Answer, headers: dict[bytes, bytes]
    ) -> None:
        if scope["state"]["method"] in UNSAFE and is_coded(scope["headers"]):
            await reader.drain()
            return await _refuse(scope, answer, CODED)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > reader.length_max:
            await reader.drain()
            return await _refuse(scope, answer, refuse_size(reader.length_max))

        async def send_unless_refused(message: Message) -> None:
            # The framework turns whatever goes wrong with a body into an answer of its own.
            if reader.refusal is None:
                await answer(message)

        try:
            with suppress(BodyRefused):
                await self.app(scope, reader, send_unless_refused)
            if reader.refusal is not None:
                await reader.drain()
                await _refuse(scope, answer, reader.refusal)
        finally:
            reader.release()


def normalize(scope: Scope) -> Scope:
    """Return the request as routes know it: HEAD as GET, and the path without a slash at its end."""
    method, path = scope["method"], scope["path"]
    scope["state"]["method"] = method
    if method == "HEAD":
        scope = {**scope, "method": "GET"}
    # Of the path as it was sent, because an encoded slash is part of a name.
    if len(path) > 1 and scope.get("raw_path", b"/").endswith(b"/"):
        scope = {**scope, "path": path[:-1], "raw_path": scope["raw_path"][:-1]}
    return scope


def get_route(scope: Scope) -> str:
    """The template of the route that answered, never the path itself."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "unmatched"
    # That of an included router lacks what it was included under.
    prefix = get_prefix(scope)
    inside = scope["path"].startswith(f"{prefix}/") and not template.startswith(f"{prefix}/")
    return f"{prefix}{template}" if inside else template


def get_prefix(scope: Scope) -> str:
    """Return what every path of the API begins with."""
    prefix: str = scope["app"].state.prefix
    return prefix


def render_internal(correlation_id: str) -> str:
    return f"Internal error. Quote correlation_id {correlation_id}; details are in the server log."


async def _refuse(scope: Scope, answer: Answer, refusal: Refusal) -> None:
    body = render_body(refusal, scope["path"], answer.correlation_id)
    headers = list_headers(refusal, body)
    await answer({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})
