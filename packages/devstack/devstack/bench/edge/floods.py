"""What strangers send to cost memory: heads, bodies and requests without a key, whole, half and endless."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from devstack.processes.ports import LOOPBACK

SEND_SECONDS = 3
# For so long everything stays open after it was sent.
HOLD_SECONDS = 1.0
MB = 1_048_576
CALL = b"POST /api/v1/outages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
UPLOAD = (
    b"POST /api/v1/outages/bulk HTTP/1.1\r\nhost: x\r\n"
    b"content-type: multipart/form-data; boundary=cut\r\n"
)
PART = b'--cut\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'


@dataclass(frozen=True)
class Flood:
    """`connections` at a time, on each of which the same is sent, and nothing is read."""

    name: str
    connections: int
    send: Callable[[StreamWriter], Awaitable[None]]


async def _send_half_head(writer: StreamWriter) -> None:
    await _write(writer, b"GET / HTTP/1.1\r\n" + b"x-half: aaaaaaa\r\n" * 90)


async def _send_huge_head(writer: StreamWriter) -> None:
    await _write(writer, b"GET / HTTP/1.1\r\nx-large: " + b"a" * 5_000_000)


async def _send_many_requests(writer: StreamWriter) -> None:
    await _write(writer, b"GET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n" * 5000)


async def _send_half_body(writer: StreamWriter) -> None:
    await _write(writer, CALL + b"content-length: 1000000\r\n\r\n[" + b" " * 900_000)


async def _send_chunks(writer: StreamWriter) -> None:
    """Just above what a body may have."""
    await _write(writer, CALL + CHUNKED)
    for _ in range(MB // 0x10000 + 1):
        await _write(writer, b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    await _write(writer, b"0\r\n\r\n")


async def _send_trailers(writer: StreamWriter) -> None:
    await _write(writer, CALL + CHUNKED + b"1\r\n \r\n0\r\nx-trailer: " + b"a" * 1_000_000)


async def _send_nested_json(writer: StreamWriter) -> None:
    body = b"[" + b"{}," * 300_000 + b"{}]"
    await _write(writer, CALL + b"content-length: %d\r\n\r\n" % len(body) + body)


async def _send_file(writer: StreamWriter) -> None:
    """As large as a file may be, in a form."""
    await _write(writer, UPLOAD + b"content-length: %d\r\n\r\n" % (10 * MB) + PART)
    for _ in range(10):
        await _write(writer, b"a" * (MB - 1000))


async def _send_parts(writer: StreamWriter) -> None:
    """Thousands of fields in one form."""
    part = b'--cut\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n'
    body = part * (MB // len(part) - 1) + b"--cut--\r\n"
    await _write(writer, UPLOAD + b"content-length: %d\r\n\r\n" % len(body) + body)


async def _send_for_documents(writer: StreamWriter) -> None:
    """The largest that anybody may read, again and again."""
    for path in (b"/openapi.json", b"/docs"):
        await _write(writer, (b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n") * 4)


async def _write(writer: StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()


FLOODS = (
    Flood("half-sent requests", 400, _send_half_head),
    Flood("more connections than there are", 1100, _send_half_head),
    Flood("huge headers", 200, _send_huge_head),
    Flood("requests by the thousand", 200, _send_many_requests),
    Flood("half-sent bodies", 200, _send_half_body),
    Flood("chunked bodies above the limit", 200, _send_chunks),
    Flood("trailers without an end", 200, _send_trailers),
    Flood("nested JSON", 200, _send_nested_json),
    Flood("files without a key", 200, _send_file),
    Flood("forms of many fields", 200, _send_parts),
    Flood("documents that nobody reads", 800, _send_for_documents),
)


async def send_flood(port: int, flood: Flood) -> None:
    """Send it, hold everything open for a while, and go."""
    writers: list[StreamWriter] = []

    async def send() -> None:
        with suppress(OSError, TimeoutError):
            # A reader that takes little: what is answered waits with the server.
            _, writer = await asyncio.wait_for(_connect(port), SEND_SECONDS)
            writers.append(writer)
            await asyncio.wait_for(flood.send(writer), SEND_SECONDS)

    await asyncio.gather(*(send() for _ in range(flood.connections)))
    await asyncio.sleep(HOLD_SECONDS)
    for writer in writers:
        writer.transport.abort()


async def _connect(port: int) -> tuple[StreamReader, StreamWriter]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return reader, writer
