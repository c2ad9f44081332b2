"""
Problems, for people: whatever under /console is refused, by a route or before it, is answered as a page.

Who is not logged in is led to the login, and back afterwards.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.console.forms.submissions import ROOT, find_own_path
from api.console.pages import HEADERS, render_template

PROBLEM = b"application/problem+json"
# What a browser is not to be given of a problem for programs.
_REPLACED = frozenset(
    {b"content-type", b"content-length", b"www-authenticate"}
    | {name.lower().encode() for name in HEADERS}
)
HEADINGS = {
    400: "That could not be read",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "That cannot be done as things stand",
    412: "It has changed since you saw it",
    413: "That is too large",
    415: "That is no form of these pages",
    422: "Something has to be corrected",
    429: "Too many tries",
    500: "Something went wrong on our side",
    503: "It does not answer just now",
}


class ProblemPages:
    """Plain ASGI, and before all others: what they refuse is seen here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_page(scope["path"]):
            return await self.app(scope, receive, send)
        if scope["method"] in ("GET", "HEAD"):
            # A field of a filter that is left empty is none.
            scope = {**scope, "query_string": drop_empty(scope["query_string"])}
        await self.app(scope, receive, _ProblemPage(scope, send).send)


class _ProblemPage:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            if kind.startswith(PROBLEM):
                self._start = message
                return
        if self._start is None:
            return await self._send(message)
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False):
            await self._answer(self._start, b"".join(self._body))

    async def _answer(self, start: Message, body: bytes) -> None:
        headers = [each for each in start["headers"] if each[0].lower() not in _REPLACED]
        headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        status, content = start["status"], b""
        if status == 401:
            status = 303
            headers.append((b"location", find_login(self._scope).encode()))
        elif body:  # of HEAD there is none
            content = render_problem(json.loads(body)).encode()
        headers.append((b"content-type", b"text/html; charset=utf-8"))
        headers.append((b"content-length", str(len(content)).encode()))
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})


def is_page(path: str) -> bool:
    return path == ROOT or path.startswith(f"{ROOT}/")


def drop_empty(query: bytes) -> bytes:
    """Return a query without its empty parameters."""
    if b"=" not in query:
        return query
    return urlencode(parse_qsl(query.decode("latin-1"))).encode()


def find_login(scope: Scope) -> str:
    """Return the page of the login, which leads back to the page that was asked for."""
    wanted = ROOT
    if scope["method"] in ("GET", "HEAD"):
        query = scope["query_string"].decode("latin-1")
        wanted = find_own_path(quote(scope["path"]) + (f"?{query}" if query else ""))
    return f"{ROOT}/login" + ("" if wanted == ROOT else f"?{urlencode({'next': wanted})}")


def render_problem(problem: dict[str, Any]) -> str:
    """Return the page of a problem: what it is, and what to do about it, in the API's own sentence."""
    heading = HEADINGS.get(problem["status"], "That was refused")
    return render_template("problem.html", problem=problem, heading=heading)
