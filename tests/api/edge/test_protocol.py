"""What is no whole request, in time and within the limits, is answered, and given up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from starlette.types import Receive, Scope, Send

from api.edge.limits import EdgeLimits
from api.edge.raw_problems import (
    BODIES_CROWDED,
    BODY_TOO_LATE,
    CROWDED,
    HEAD_TOO_LARGE,
    HEAD_TOO_LATE,
    MALFORMED,
)
from tests.testkit.edge.edge_server import RawCaller, exchange, serve

LIMITS = EdgeLimits(
    connections_max=8,
    head_bytes_max=4096,
    headers_max=20,
    head_within_seconds=0.4,
    body_within_seconds=0.4,
    linger_seconds=0.2,
)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with serve(echo, LIMITS) as port:
        yield port


def read_problem(answer: bytes) -> tuple[int, str, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert b"content-type: application/problem+json" in head
    assert b"x-correlation-id: " + problem["correlation_id"].encode() in head
    assert b"x-content-type-options: nosniff" in head
    return int(head.split()[1]), problem["type"].partition("#")[2], problem["detail"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nx-large: " + b"a" * 2_000_000,
        b"GET /" + b"a" * 2_000_000,
        b"GET / HTTP/1.1\r\n" + b"x-many: a\r\n" * 21 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"x-long: " + b"a" * 4096 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a" * 2_000_000,
    ],
    ids=["value", "path", "count", "whole", "name"],
)
async def test_a_head_has_a_limit_that_is_answered(port: int, head: bytes) -> None:
    caller = await RawCaller.connect(port)
    sending = asyncio.create_task(caller.send(head))
    answer = await caller.read_all()
    sending.cancel()
    await caller.close()
    assert read_problem(answer) == (431, HEAD_TOO_LARGE.code, HEAD_TOO_LARGE.detail)


async def test_a_trailer_is_no_way_around_the_limit(port: int) -> None:
    trailer = POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-trailer: " + b"a" * 40_000
    assert read_problem(await exchange(port, trailer))[0] == 431


async def test_what_is_no_http_is_a_problem_too(port: int) -> None:
    answer = read_problem(await exchange(port, b"\x16\x03\x01 hello\r\n\r\n"))
    assert answer == (400, MALFORMED.code, MALFORMED.detail)


async def test_half_a_head_is_given_up(port: int) -> None:
    answer = read_problem(await exchange(port, GET[:-4]))
    assert answer == (408, HEAD_TOO_LATE.code, HEAD_TOO_LATE.detail)


async def test_a_connection_without_a_request_is_closed(port: int) -> None:
    assert await exchange(port, b"") == b""
    assert await exchange(port, b"\r\n") == b""


async def test_half_a_body_is_given_up(port: int) -> None:
    answer = read_problem(await exchange(port, POST + b"content-length: 9\r\n\r\nhalf"))
    assert answer == (408, BODY_TOO_LATE.code, BODY_TOO_LATE.detail)


async def test_half_a_request_behind_an_answer_gets_an_answer_of_its_own(port: int) -> None:
    answer = await exchange(port, GET + GET[:-4])
    first, _, second = answer.partition(b"\r\n\r\n0")
    assert first.startswith(b"HTTP/1.1 200")
    assert read_problem(second)[0] == 408


async def test_requests_on_one_connection_are_each_within_the_limits(port: int) -> None:
    """Neither bodies nor earlier heads count for the head of a later one."""
    caller = await RawCaller.connect(port)
    for _ in range(5):
        await caller.send(POST + b"content-length: 20000\r\n\r\n" + b"a" * 20_000)
        assert (await caller.reader.readuntil(b"20000")).startswith(b"HTTP/1.1 200")
    await caller.close()


async def test_a_crowd_in_one_packet_is_cut_off() -> None:
    served: list[str] = []

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        await echo(scope, receive, send)

    async with serve(count, LIMITS) as port:
        with suppress(ConnectionResetError):
            await exchange(port, GET * 5000)
    assert len(served) <= LIMITS.pipelined_max + 1


async def test_half_sent_requests_keep_nobody_out(port: int) -> None:
    """More of them than there are connections: the longest waiting gives way to who asks."""
    idlers = [await RawCaller.connect(port) for _ in range(3 * LIMITS.connections_max)]
    for idler in idlers[-LIMITS.connections_max :]:
        await idler.send(GET[:-4])
    ends = GET[:-2] + b"connection: close\r\n\r\n"
    assert b"HTTP/1.1 200" in await exchange(port, ends)
    for idler in idlers:
        await idler.close()


async def test_half_sent_bodies_keep_no_other_out() -> None:
    """The one that has taken longest is given up for the next."""
    async with serve(echo, replace(LIMITS, bodies_max=2, body_within_seconds=30)) as port:
        idlers = [await RawCaller.connect(port) for _ in range(3)]
        for idler in idlers:
            await idler.send(POST + b"content-length: 9\r\n\r\nhalf")
        answer = read_problem(await idlers[0].read_all())
        assert answer == (503, BODIES_CROWDED.code, BODIES_CROWDED.detail)
        await idlers[2].send(b"whole")
        assert (await idlers[2].reader.readuntil(b"9")).startswith(b"HTTP/1.1 200")
        for idler in idlers:
            await idler.close()


async def test_where_everybody_is_served_the_next_is_asked_to_come_again() -> None:
    release = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await echo(scope, receive, send)

    async with serve(wait, replace(LIMITS, connections_max=2)) as port:
        served = [await RawCaller.connect(port) for _ in range(2)]
        for caller in served:
            await caller.send(GET)
        answer = b""
        while not answer:  # until both of them are being served
            answer = await exchange(port, b"")
        assert read_problem(answer) == (503, CROWDED.code, CROWDED.detail)
        assert b"retry-after: 1" in answer
        release.set()
        for caller in served:
            assert (await caller.reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            await caller.close()


async def test_who_does_not_read_an_answer_is_left() -> None:
    ended = asyncio.Event()

    async def pour(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = {"type": "http.response.body", "body": b"a" * 1_000_000, "more_body": True}
        for _ in range(50):
            await send(dict(more))
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    async with serve(pour, replace(LIMITS, read_within_seconds=0.2)) as port:
        caller = await RawCaller.connect(port)
        await caller.send(GET)
        await asyncio.wait_for(ended.wait(), 10)
        await caller.close()
