"""A webhook receiver as any subscriber might write it: verify the signature first, believe afterwards."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from adapters.credentials.webhook_secrets import verify_by_any
from devstack.processes.ports import LOOPBACK
from domain.webhooks import encode_secret

# By this path a later demo recognises the subscription of one that was killed.
PATH = "/apexchainx-demo"
GREETING = "the webhook receiver of an ApexChainx demo"
BODY_BYTES_MAX = 1_048_576
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Reception:
    """One delivery as it came in, and what it was answered."""

    at: datetime
    event_id: str
    event: str
    outage_id: str
    answer: int
    verified: bool


class DemoReceiver:
    """Answers 204 to a genuine delivery and 401 to any other; `on_reception` is called with each."""

    def __init__(self, on_reception: Callable[[Reception], None] = lambda _: None) -> None:
        self.webhook_id = ""  # until it is subscribed
        self.secret = encode_secret(secrets.token_bytes(32))
        self.receptions: list[Reception] = []
        self.on_reception = on_reception
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        assert self._server is not None, "start the receiver first"
        port = self._server.sockets[0].getsockname()[1]
        return f"http://{LOOPBACK}:{port}{PATH}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A caller that hangs up or sends nonsense harms only itself.
        with suppress(OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, text = await self._answer(reader)
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                    f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
                )
                if status is HTTPStatus.NO_CONTENT:
                    head = head.replace("content-length: 0\r\n", "")
                writer.write((head + text).encode())
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, str]:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = request.split(" ")
        if path != PATH:
            return HTTPStatus.NOT_FOUND, ""
        if method != "POST":
            return HTTPStatus.OK, GREETING
        pairs = [line.partition(":") for line in lines if line]
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ""
        return self._take(headers, await reader.readexactly(length)), ""

    def _take(self, headers: dict[str, str], body: bytes) -> HTTPStatus:
        genuine = verify_by_any([self.secret], headers, body, int(time.time()))
        answer = HTTPStatus.NO_CONTENT if genuine else HTTPStatus.UNAUTHORIZED
        said = json.loads(body) if genuine else {}
        reception = Reception(
            at=datetime.now(UTC),
            event_id=headers.get("webhook-id", ""),
            event=said.get("type", ""),
            outage_id=said.get("data", {}).get("outage_id", ""),
            answer=answer.value,
            verified=genuine,
        )
        self.receptions.append(reception)
        self.on_reception(reception)
        return answer


def is_demo(url: str) -> bool:
    parts = urlsplit(url)
    return parts.hostname == LOOPBACK and parts.path == PATH


async def is_alive(url: str) -> bool:
    """False when nobody answers there, or somebody who is no demo's receiver."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            return (await client.get(url)).text == GREETING
    except httpx.HTTPError:
        return False
