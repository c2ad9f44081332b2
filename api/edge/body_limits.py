"""
What a caller may send as a body: so much, in time, and as JSON that says everything once.

Bodies are in memory while they are parsed, so all of them together have a bound as well as each.
"""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from starlette.types import Message, Receive

from api.edge.raw_problems import BODIES_CROWDED, Refusal
from domain.sla.bulk.import_plans import FILE_BYTES_MAX

BODY_BYTES_MAX = 1_048_576
BODIES_BYTES_MAX = 3 * BODY_BYTES_MAX
# A file, and what a form puts around it. What is beyond a body's size is kept on the disk, not in memory.
UPLOAD_BYTES_MAX = 10 * BODY_BYTES_MAX + 65_536
UPLOADS = frozenset({("POST", "/outages/bulk")})
# Read as a stream, once the caller is known and let in: api/edge/uploads.py.
STREAMS = frozenset({("POST", "/imports")})
STREAM_BYTES_MAX = FILE_BYTES_MAX + 65_536
DRAIN_BYTES_MAX = 32 * BODY_BYTES_MAX
DRAIN_WITHIN_SECONDS = 20.0
# What can be in a body of the largest size costs many times as much when it is parsed.
ENTRIES_MAX = 20_000
BODY_RULE = f"must be at most {BODY_BYTES_MAX} bytes"
TOO_MANY = Refusal(422, "invalid", f"must have at most {ENTRIES_MAX} entries", "body")
REPEATED = "is in the body more than once: send it once"


def choose_limit(method: str, route: str, content_type: bytes) -> int:
    """Return how large a body may be: a file is larger than what people write. `route` has no prefix."""
    is_form = content_type.startswith(b"multipart/form-data")
    return UPLOAD_BYTES_MAX if is_form and (method, route) in UPLOADS else BODY_BYTES_MAX


def is_streamed(method: str, route: str) -> bool:
    """Whether a body goes through piece by piece, and may be as large as a file. `route` has no prefix."""
    return (method, route) in STREAMS


def is_coded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a body comes with a content coding: gzip, for example. All of them are read, and `identity` is none."""
    given, comes = list[bytes](), False
    for name, value in headers:
        if name == b"content-encoding":
            given += [each.strip().lower() for each in value.split(b",")]
        comes |= name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
    return comes and any(each not in (b"", b"identity") for each in given)


def refuse_size(bytes_max: int) -> Refusal:
    return Refusal(413, "too_large", f"must be at most {bytes_max} bytes", "body")


class BodyRefused(Exception):
    """The body goes no further; whoever reads it turns this into an answer, which is not sent."""


class BodyBudget:
    """How much of all bodies together is in memory."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.in_memory = 0


class BodyReader:
    """
    Lets a body through up to the limits, and remembers why it did not. JSON is handed on when it is whole: in
    one piece, which is given back to the system, while thousands of small ones would leave holes.
    """

    def __init__(
        self,
        receive: Receive,
        headers: dict[bytes, bytes],
        budget: BodyBudget,
        bytes_max: int = BODY_BYTES_MAX,
        *,
        streamed: bool = False,
    ) -> None:
        self.receive = receive
        self.budget = budget
        self.bytes_max = bytes_max
        # What may be said to come; more than `bytes_max` of a stream only once its caller is let in.
        self.length_max = STREAM_BYTES_MAX if streamed else bytes_max
        self.json = not streamed and is_json(headers.get(b"content-type", b""))
        self.streamed = False
        # Who waits to be invited has sent nothing yet.
        self.invited = headers.get(b"expect", b"").lower() != b"100-continue"
        self.received = self.in_memory = 0
        # Not in a frame: what is refused is held by the trace of its exception for a while.
        self.whole = bytearray()
        self.finished = False
        self.refusal: Refusal | None = None

    async def __call__(self) -> Message:
        if not self.json or self.finished:
            return await self._read()
        while not self.finished:
            message = await self._read()
            if message["type"] != "http.request":
                return message  # the caller has gone
            self.whole += message.get("body", b"")
        if self.whole:
            self._refuse(find_repeated(self.whole))
        body, self.whole = bytes(self.whole), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def _read(self) -> Message:
        message = await self.receive()
        self.invited = True
        self.finished = self.finished or not message.get("more_body", False)
        if body := message.get("body", b""):
            self._take(body)
        return message

    def _take(self, body: bytes) -> None:
        self.received += len(body)
        if self.streamed:
            return self._refuse(self._find_excess())
        more = min(self.received, BODY_BYTES_MAX) - self.in_memory
        self.in_memory += more
        self.budget.in_memory += more
        self._refuse(self._find_excess())
        if self.budget.in_memory > self.budget.bytes_max:
            self._refuse(BODIES_CROWDED)

    def allow_stream(self) -> None:
        """Let the body through as a stream, which is nowhere in memory."""
        self.streamed, self.bytes_max = True, STREAM_BYTES_MAX

    def _find_excess(self) -> Refusal | None:
        return refuse_size(self.bytes_max) if self.received > self.bytes_max else None

    def _refuse(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.refusal = self.refusal or refusal
            raise BodyRefused

    def release(self) -> None:
        """Give back what was in memory; call it once, when the request is answered."""
        self.budget.in_memory -= self.in_memory
        self.received = self.in_memory = 0
        self.whole = bytearray()

    async def drain(self) -> None:
        """Hear a caller out, within reason: most cannot read an answer before they have sent it all."""
        self.release()
        drained = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WITHIN_SECONDS):
                while self.invited and not self.finished and drained <= DRAIN_BYTES_MAX:
                    message = await self.receive()
                    drained += len(message.get("body", b""))
                    self.finished = not message.get("more_body", False)


def is_json(content_type: bytes) -> bool:
    """Whether a body of this content type is read as JSON."""
    kind = content_type.partition(b";")[0].strip().lower()
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


class _Repeated(Exception):
    """A key that an object has twice."""


def _check_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict[str, Any]()
    for name, value in pairs:
        if name in found:
            raise _Repeated(name)
        found[name] = value
    return found


def find_repeated(body: bytes | bytearray) -> Refusal | None:
    """Return the refusal of JSON that has too many entries, or a key twice in one object."""
    if sum(body.count(mark) for mark in (b",", b"{", b"[")) > ENTRIES_MAX:
        return TOO_MANY
    try:
        json.loads(body, object_pairs_hook=_check_pairs)
    except _Repeated as found:
        name = str(found)
        return Refusal(422, "invalid", REPEATED, name if _is_plain(name) else "body")
    except (ValueError, RecursionError):
        return None  # whoever reads it for its content says what is wrong with it
    return None


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and 0 < len(name) <= 100
