"""The facade as strangers meet it: what they send costs bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from devstack.environment.stack import Stack
from tests.testkit.edge.edge_server import RawCaller
from tests.testkit.stacks import Stacks

MEMORY_MAX = 200 * 1024 * 1024
CALL = b"POST /api/v1/outages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
async def public_stack(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("edge")) as running:
        yield running


async def send_large_heads(caller: RawCaller) -> None:
    await caller.send(b"GET / HTTP/1.1\r\nx-large: " + b"a" * 5_000_000)


async def send_half_heads(caller: RawCaller) -> None:
    await caller.send(b"GET / HTTP/1.1\r\n" + b"x-half: aaaaaaa\r\n" * 90)


async def send_many_requests(caller: RawCaller) -> None:
    await caller.send(b"GET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n" * 5000)


async def send_half_bodies(caller: RawCaller) -> None:
    await caller.send(CALL + b"content-length: 1000000\r\n\r\n[" + b" " * 900_000)


async def send_chunks(caller: RawCaller) -> None:
    await caller.send(CALL + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(40):
        await caller.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


async def send_trailers(caller: RawCaller) -> None:
    end = b"transfer-encoding: chunked\r\n\r\n1\r\n \r\n0\r\nx-trailer: "
    await caller.send(CALL + end + b"a" * 1_000_000)


async def send_nested_json(caller: RawCaller) -> None:
    body = b"[" + b"{}," * 300_000 + b"{}]"
    await caller.send(CALL + b"content-length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    ("send", "count"),
    [
        (send_half_heads, 1100),  # more than there are connections
        (send_large_heads, 200),
        (send_many_requests, 200),
        (send_half_bodies, 200),
        (send_chunks, 200),
        (send_trailers, 200),
        (send_nested_json, 200),
    ],
)
async def test_what_strangers_send_costs_bounded_memory(
    public_stack: Stack, send: Callable[[RawCaller], Awaitable[None]], count: int
) -> None:
    """Without a key; others are served meanwhile."""
    port, process = get_port(public_stack), find_api(public_stack)
    callers: list[RawCaller] = []

    async def call() -> None:
        with suppress(OSError, TimeoutError):
            callers.append(caller := await RawCaller.connect(port))
            await asyncio.wait_for(send(caller), 3)

    calls = [asyncio.create_task(call()) for _ in range(count)]
    most = 0
    async with httpx.AsyncClient(base_url=public_stack.url, trust_env=False, timeout=30) as client:
        while not all(each.done() for each in calls):
            most = max(most, process.memory_info().rss)
            with suppress(httpx.TransportError):
                await client.get("/health")
            await asyncio.sleep(0.02)
        most = max(most, process.memory_info().rss)
        for caller in callers:
            await caller.close()
        assert (await client.get("/health")).status_code == 200
    assert most < MEMORY_MAX, f"{most / 2**20:.0f} MiB"


def get_port(stack: Stack) -> int:
    port = urlsplit(stack.url).port
    assert port is not None
    return port


def find_api(stack: Stack) -> psutil.Process:
    """The process that listens on the port of the facade."""
    port = get_port(stack)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(
                each.laddr.port == port and each.status == "LISTEN"
                for each in child.net_connections("tcp")
            ):
                return child
    raise AssertionError(f"nothing listens on {port}")
