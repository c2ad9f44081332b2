"""A large file comes in from whoever is let in, as long as it goes on; nobody else is heard out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from fastapi import FastAPI, Request

from api import problems
from api.edge import body_limits
from api.edge.limits import EdgeLimits
from api.edge.uploads import UPLOADS_MAX, get_upload
from api.middleware import Guards
from domain.errors import Invalid, Unauthenticated
from tests.testkit.edge.edge_server import RawCaller, serve

LIMITS = EdgeLimits(
    body_within_seconds=0.5,
    upload_look_seconds=0.5,
    upload_bytes_min=1024,
    linger_seconds=0.3,
)
MB = 1_048_576
POST = b"POST /api/v1/imports HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n"
KNOWN = b"x-key: right\r\n"


def make_app() -> FastAPI:
    app = FastAPI()
    app.state.prefix = "/api/v1"
    problems.install(app)

    @app.post("/api/v1/imports")
    async def count(request: Request) -> int:
        if request.headers.get("x-key") != "right":
            raise Unauthenticated("nobody knows you")
        get_upload(request.scope).allow()
        if request.headers.get("x-format") == "wrong":
            raise Invalid("file", "must be CSV")
        return sum([len(piece) async for piece in request.stream()])

    app.add_middleware(Guards)
    return app


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with serve(make_app(), LIMITS) as port:
        yield port


def make_chunk(size: int) -> bytes:
    return f"{size:x}\r\n".encode() + b"a" * size + b"\r\n"


def read_answer(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


async def begin(port: int, head: bytes) -> RawCaller:
    caller = await RawCaller.connect(port)
    await caller.send(head + b"\r\n")
    return caller


async def read_head(caller: RawCaller) -> int:
    head = await asyncio.wait_for(caller.reader.readuntil(b"\r\n\r\n"), 5)
    return int(head.split()[1])


async def test_a_caller_who_is_let_in_sends_more_and_longer_than_others_may(port: int) -> None:
    caller = await begin(port, CHUNKED + KNOWN + b"connection: close\r\n")
    for _ in range(12):
        await caller.send(make_chunk(MB // 2))
        await asyncio.sleep(0.1)  # slower than any other body may come
    await caller.send(b"0\r\n\r\n")
    assert read_answer(await caller.read_all()) == (200, str(6 * MB))
    await caller.close()


async def test_who_does_not_go_on_is_given_up(port: int) -> None:
    caller = await begin(port, CHUNKED + KNOWN)
    await caller.send(make_chunk(MB))
    status, body = read_answer(await caller.read_all())
    assert (status, json.loads(body)["title"]) == (408, "too late")
    await caller.close()


@pytest.mark.parametrize(("said", "status"), [(b"", 401), (KNOWN + b"x-format: wrong\r\n", 422)])
async def test_who_is_refused_is_answered_and_not_heard_out(
    port: int, said: bytes, status: int
) -> None:
    caller, sent = await begin(port, CHUNKED + said), 0
    assert await read_head(caller) == status
    with suppress(ConnectionError):
        async with asyncio.timeout(20):
            while True:
                await caller.send(make_chunk(MB))
                sent += 1
                await asyncio.sleep(0.02)
    # As much as comes while the connection is about to be closed, and no minute of it.
    assert sent < 60
    await caller.close()


@pytest.mark.parametrize("size", [body_limits.STREAM_BYTES_MAX + 1, 10**15])
async def test_a_file_that_is_too_large_is_refused_before_it_comes(port: int, size: int) -> None:
    caller = await begin(
        port, POST + KNOWN + f"content-length: {size}\r\nexpect: 100-continue\r\n".encode()
    )
    status, body = read_answer(await caller.read_all())
    assert (status, json.loads(body)["title"]) == (413, "too large")
    await caller.close()


async def test_a_file_that_does_not_say_how_large_it_is_ends_at_the_limit(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "STREAM_BYTES_MAX", 2 * MB)
    caller = await begin(port, CHUNKED + KNOWN)
    for _ in range(3):
        await caller.send(make_chunk(MB))
    await caller.send(b"0\r\n\r\n")
    assert await read_head(caller) == 413
    await caller.close()


async def test_only_so_many_files_come_at_once() -> None:
    limits = replace(LIMITS, upload_look_seconds=20.0)
    async with serve(make_app(), limits) as port:
        callers = [await begin(port, CHUNKED + KNOWN) for _ in range(UPLOADS_MAX)]
        for caller in callers:
            await caller.send(make_chunk(10))
        await asyncio.sleep(0.1)
        crowded = await begin(port, CHUNKED + KNOWN)
        assert await read_head(crowded) == 503
        for caller in callers:
            await caller.send(b"0\r\n\r\n")
            assert await read_head(caller) == 200
        again = await begin(port, CHUNKED + KNOWN)
        await again.send(make_chunk(10) + b"0\r\n\r\n")
        assert await read_head(again) == 200
        for caller in (*callers, crowded, again):
            await caller.close()
