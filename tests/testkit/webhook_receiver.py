"""A subscriber's server on loopback: it keeps what it receives and answers as configured."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from domain.webhooks import make_headers, sign


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes


@dataclass
class WebhookReceiver:
    """`answers` are given in turn, then 200 for ever; use it as `async with WebhookReceiver() as one`."""

    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/hook"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        lines = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(headers, body))
        status = self.answers.pop(0) if self.answers else 200
        writer.write(
            f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()


@dataclass
class DrippingReceiver(WebhookReceiver):
    """Begins an answer and never ends it; `open_posts` is how many wait for it now, `most_open` how many did at once."""

    open_posts: int = 0
    most_open: int = 0

    async def __aexit__(self, *error: object) -> None:
        for serving in self._serving:
            serving.cancel()
        await super().__aexit__(*error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        self.open_posts += 1
        self.most_open = max(self.most_open, self.open_posts)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nx-drop: ")
            while not reader.at_eof():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.2)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open_posts -= 1
            self._serving.discard(serving)
            writer.close()

    def __post_init__(self) -> None:
        self._serving = set[asyncio.Task[object]]()


def sign_message(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message signed by scheme v1."""
    return make_headers(message_id, timestamp, [sign(secret, message_id, timestamp, body)])
