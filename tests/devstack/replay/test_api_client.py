"""The client asks again until there is an answer, always as the same question."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devstack.replay.api_client import EngineClient, RequestRefused, RequestTimedOut

# What a broken day looks like: too busy, a proxy without a server, a connection cut, then an answer.
BROKEN_DAY = [503, 429, 502, 0, 500, 201]


class Moody:
    """Answers with one status after the other, and remembers what it was asked."""

    def __init__(self, moods: list[int]) -> None:
        self.moods = moods
        self.asked: list[tuple[Any, ...]] = []
        self.kind = "about:blank"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        names = ("X-API-Key", "Idempotency-Key", "X-Correlation-ID")
        body = await request.read()
        self.asked.append((*(request.headers.get(name) for name in names), body))
        mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
        if mood == 0:
            assert request.transport is not None
            request.transport.abort()
        said = {"type": self.kind, "detail": f"in mood {mood}"}
        return web.json_response(said, status=mood or 200)


@pytest.fixture
def moody() -> Moody:
    return Moody(list(BROKEN_DAY))


@pytest.fixture
async def url(moody: Moody) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/api/v1/{tail:.*}", moody.answer)
    server = TestServer(application)
    await server.start_server()
    yield str(server.make_url("/"))
    await server.close()


async def test_a_repeated_request_has_the_same_body_and_key(moody: Moody, url: str) -> None:
    async with EngineClient(url, "a-key", patience_seconds=30) as engine:
        answer = await engine.ask("POST", "/outages", {"id": "o-1"}, "once")
    assert answer.status == 201
    assert moody.asked == [("a-key", "once", "once", b'{"id":"o-1"}')] * len(BROKEN_DAY)
    assert engine.repetitions == len(BROKEN_DAY) - 1


async def test_a_refusal_is_final(moody: Moody, url: str) -> None:
    moody.moods = [409]
    async with EngineClient(url, "a-key", patience_seconds=30) as engine:
        with pytest.raises(RequestRefused, match="in mood 409") as refusal:
            await engine.ask("POST", "/outages", {"id": "o-1"}, "once")
    assert (refusal.value.status, refusal.value.question) == (409, "POST /outages")
    assert len(moody.asked) == 1


async def test_a_request_that_is_being_carried_out_is_asked_for_again(
    moody: Moody, url: str
) -> None:
    moody.moods, moody.kind = [409, 409, 201], "/docs/errors#request_in_flight"
    async with EngineClient(url, "a-key", patience_seconds=30) as engine:
        assert (await engine.ask("POST", "/outages", {"id": "o-1"}, "once")).status == 201
    assert len(moody.asked) == 3


async def test_each_request_has_an_idempotency_key_of_its_own(moody: Moody, url: str) -> None:
    async with EngineClient(url, "a-key") as engine:
        answers = [await engine.send("POST", "/webhooks", {"n": 1}) for _ in range(2)]
    assert [each["detail"] for each in answers] == ["in mood 201"] * 2
    keys = [key for _, key, _, _ in moody.asked]
    assert None not in keys
    # All the repetitions of the first have one key, the second has another.
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [len(BROKEN_DAY), 1]


async def test_it_does_not_wait_for_ever(moody: Moody, url: str) -> None:
    moody.moods = [503]
    async with EngineClient(url, "a-key", patience_seconds=0.2) as engine:
        with pytest.raises(RequestTimedOut, match="in mood 503, for 0 s"):
            await engine.get("/payments/ledger")
