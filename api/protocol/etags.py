"""
Entity tags: `ETag` on every answer that shows one thing, `If-None-Match` to be spared what is known, and
`If-Match` to change a thing only as it was last seen.

A tag is strong: it is the digest of the answer, after the version of what has one.
"""

import hashlib
import re
from typing import Annotated

from fastapi import Header, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.parsing import patterns
from domain.errors import PreconditionFailed

_TAG = re.compile(r'(?:W/)?"[^"]*"')
_VERSION = re.compile(r'"(\d{1,9})-[0-9a-f]+"')


def make_tag(content: bytes, version: int | None = None) -> str:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def set_tag(response: Response, view: BaseModel, version: int) -> None:
    """Tag what is shown with its version, by which a change can be refused in its own transaction."""
    response.headers["ETag"] = make_tag(view.model_dump_json().encode(), version)


class IfMatch:
    """What the caller last saw of a thing."""

    def __init__(self, header: str | None) -> None:
        self._tags = None if header is None or header.strip() == "*" else _TAG.findall(header)

    def get_version(self) -> int | None:
        """
        Return the version that a change is allowed on; None for any. Raises PreconditionFailed for tags
        that are not those of something with a version.
        """
        if self._tags is None:
            return None
        known = _VERSION.fullmatch(self._tags[0]) if len(self._tags) == 1 else None
        if known is None:
            raise PreconditionFailed(
                "If-Match must be one ETag that this API answered: read it again, and send its ETag"
            )
        return int(known[1])

    def check(self, view: BaseModel, what: str) -> None:
        """Raise PreconditionFailed unless this is what the caller last saw."""
        if self._tags is not None and make_tag(view.model_dump_json().encode()) not in self._tags:
            raise PreconditionFailed(f"{what} has changed since you read it: read it again")


async def get_if_match(
    if_match: Annotated[
        str | None,
        Header(
            max_length=1000,
            description="Change it only as you last saw it",
            json_schema_extra=patterns.ETAG,
        ),
    ] = None,
) -> IfMatch:
    return IfMatch(if_match)


class EntityTags:
    """Plain ASGI, because every request passes here; only answers that show one thing are held back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            send = _TaggedAnswer(scope, send).send
        await self.app(scope, receive, send)


class _TaggedAnswer:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._shows_one_thing(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._answer(self._start, b"".join(self._body))

    def _shows_one_thing(self, start: Message) -> bool:
        """Whether a route answers what its path names last, or has given the answer a tag itself."""
        names = dict(start["headers"])
        path = getattr(self._scope.get("route"), "path", "")
        is_json = names.get(b"content-type", b"").startswith(b"application/json")
        return start["status"] == 200 and (b"etag" in names or (is_json and path.endswith("}")))

    async def _answer(self, start: Message, body: bytes) -> None:
        names = dict(start["headers"])
        tag = names.get(b"etag") or make_tag(body).encode()
        headers = [(name, value) for name, value in start["headers"] if name != b"etag"]
        headers.append((b"etag", tag))
        wanted = dict(self._scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        if wanted.strip() == "*" or tag.decode() in [
            t.removeprefix("W/") for t in _TAG.findall(wanted)
        ]:
            kept = [each for each in headers if each[0] not in (b"content-length", b"content-type")]
            start, body = {**start, "status": 304, "headers": kept}, b""
        else:
            start = {**start, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
