"""
The engine as a patient stranger sees it: its HTTP API, and nothing else.

Whatever is asked is asked again while the engine is down or busy, under the same key, so that an
answer lost on the way costs a repetition and never a second outage.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import aiohttp
import orjson

API = "/api/v1"
ANSWER_SECONDS = 20
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 2.0
PAGE_SIZE, FEED_SIZE = 200, 1000
CONFLICT, TOO_MANY, ERROR, DOWN = 409, 429, 400, 500
IN_FLIGHT = b"request_in_flight"
LAST_TRANSACTION = 2**62


class RequestRefused(Exception):
    """The engine said no; its own sentence, and what it was asked."""

    def __init__(self, status: int, detail: str, question: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.question = question


class RequestTimedOut(Exception):
    """Nothing came of it for longer than the caller is ready to wait."""


@dataclass(frozen=True, slots=True)
class EngineResponse:
    """`seconds` is what the caller waited, repetitions included."""

    status: int
    body: Any
    seconds: float


class EngineClient:
    """One HTTP session with one engine, a context; without patience, the caller sets the limit."""

    def __init__(self, url: str, api_key: str, patience_seconds: float = math.inf) -> None:
        self.url = url.rstrip("/")
        self.patience_seconds = patience_seconds
        self.repetitions = 0
        self._headers = {"X-API-Key": api_key, "Content-Type": "application/json"}

    async def __aenter__(self) -> Self:
        # No limit here: whoever uses the session knows how many calls it makes at a time.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(
        self, method: str, path: str, body: object = None, key: str | None = None, **query: str
    ) -> EngineResponse:
        """Ask until there is an answer; `key` makes repetitions harmless for what changes things."""
        headers = {"X-Correlation-ID": key, "Idempotency-Key": key} if key else {}
        payload = None if body is None else orjson.dumps(body)
        began, pause = time.monotonic(), PAUSE_SECONDS
        while True:
            status, content = await self._try(method, path, payload, headers, query)
            if 0 < status < ERROR:
                answer = orjson.loads(content) if content else None
                return EngineResponse(status, answer, time.monotonic() - began)
            if ERROR <= status < DOWN and not _may_repeat(status, content):
                raise RequestRefused(status, _sentence(status, content), f"{method} {path}")
            if time.monotonic() - began > self.patience_seconds:
                raise RequestTimedOut(
                    f"{_sentence(status, content)}, for {self.patience_seconds:.0f} s"
                )
            self.repetitions += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def _try(
        self,
        method: str,
        path: str,
        payload: bytes | None,
        headers: dict[str, str],
        query: dict[str, str],
    ) -> tuple[int, bytes]:
        """Return status 0 when there was no answer."""
        url = self.url + API + path
        try:
            async with self._session.request(
                method, url, data=payload, headers=headers, params=query
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, f"{self.url} does not answer ({type(error).__name__})".encode()

    async def get(self, path: str, **query: str) -> Any:
        return (await self.ask("GET", path, **query)).body

    async def send(self, method: str, path: str, body: object = None) -> Any:
        """Have something done once, however often it must be said; answers the JSON, if any."""
        return (await self.ask(method, path, body, uuid4().hex)).body

    async def publish_policy(self, name: str, dispute_window_seconds: int) -> None:
        """The default terms under another name, with a dispute window of this length."""
        terms = await self.get("/sla/config")
        window = {"dispute_window_seconds": dispute_window_seconds}
        await self.ask("POST", "/sla/policies", {"name": name, "terms": terms} | window)

    async def feed_end(self) -> str:
        """
        A cursor at the end of the feed, found by halving: reading all there ever was would take
        longer every time.
        """
        low, high = 0, LAST_TRANSACTION
        while high - low > 1:
            middle = (low + high) // 2
            page = await self.get("/events", after=f"{middle}-0", limit="1")
            low, high = (middle, high) if page["items"] else (low, middle)
        return f"{low}-0"

    async def feed(self, cursor: str) -> tuple[list[dict[str, Any]], str]:
        """Everything that has happened since, at most one page, and where to go on."""
        page = await self.get("/events", after=cursor, limit=str(FEED_SIZE))
        return page["items"], page["next"]

    async def payments(self) -> dict[str, dict[str, Any]]:
        """Every payment there is, by id; one added meanwhile shows a page twice, never hides one."""
        found: dict[str, dict[str, Any]] = {}
        number = 1
        while True:
            page = await self.get("/payments", page=str(number), page_size=str(PAGE_SIZE))
            found |= {payment["id"]: payment for payment in page["items"]}
            if number * PAGE_SIZE >= page["total"]:
                return found
            number += 1

    async def journal_sum_stroops(self) -> int:
        """Of all accounts of the double-entry journal: zero, or money was made from nothing."""
        accounts = await self.get("/payments/ledger")
        return sum(int(account["balance_stroops"]) for account in accounts)


def _may_repeat(status: int, content: bytes) -> bool:
    """Whether the same request succeeds later: also one whose key is taken by a run that has died."""
    return status == TOO_MANY or (status == CONFLICT and IN_FLIGHT in content)


def _sentence(status: int, content: bytes) -> str:
    if not status:
        return content.decode()
    try:
        return str(orjson.loads(content)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"the engine answers {status}"
