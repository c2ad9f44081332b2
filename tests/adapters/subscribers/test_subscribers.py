"""A receiver is posted to where its host was seen to lead, within bounds, whatever it answers."""

import asyncio
import gzip
import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.subscribers import subscribers as subject
from adapters.subscribers.answers import NoAnswer, ReceiverAnswer
from adapters.subscribers.subscribers import Subscribers
from adapters.subscribers.url_checks import check_url, find_addresses
from domain.errors import Invalid
from tests.testkit.webhook_receiver import WebhookReceiver

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listen(serve: Serve) -> AsyncIterator[int]:
    """Serve on a port of loopback."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answer(*parts: bytes, pause: float = 0.0) -> Serve:
    """Read a request, and write the parts of an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        writer.close()

    return serve


class Names:
    """A resolver of the test's own: it answers what it is told, and keeps what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise OSError("no such host")
        return found


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"]])
async def test_a_name_that_leads_to_a_private_address_is_not_registered(
    addresses: list[str],
) -> None:
    with pytest.raises(Invalid, match="must not lead to a private address"):
        await check_url("https://r.example/", allow_private=False, lookup=Names(addresses))


async def test_a_name_without_an_address_is_not_registered() -> None:
    with pytest.raises(Invalid, match=r"the host 'r\.example' has no address"):
        await check_url("https://r.example/", allow_private=False, lookup=Names([]))


async def test_a_name_whose_servers_do_not_answer_is_in_the_way_of_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, asked = threading.Event(), list[str]()

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        if host == "dead.example":
            answered.wait(30)
        return [(0, 0, 0, "", ("93.184.215.14", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    waiting = [asyncio.create_task(find_addresses("dead.example", 443)) for _ in range(40)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(10):
            assert await find_addresses("r.example", 443) == ["93.184.215.14"]
        waiting.pop().cancel()  # its attempt is over, and the others go on
    finally:
        answered.set()
    assert await asyncio.gather(*waiting) == [["93.184.215.14"]] * 39
    assert asked.count("dead.example") == 1
    assert await find_addresses("dead.example", 443) == ["93.184.215.14"]
    assert asked.count("dead.example") == 2  # nothing is remembered


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "https://[::ffff:10.0.0.1]/"])
async def test_a_literal_private_address_is_not_registered(url: str) -> None:
    for allowed in (False, True):
        with pytest.raises(Invalid, match="must not lead to a private address"):
            await check_url(url, allow_private=allowed, lookup=Names([]))


async def test_plain_http_is_for_a_sandbox_alone() -> None:
    with pytest.raises(Invalid, match="must be https"):
        await check_url("http://r.example/", allow_private=False, lookup=Names(["93.184.215.14"]))
    await check_url("http://127.0.0.1:8080/", allow_private=True, lookup=Names([]))


async def test_a_public_address_is_registered() -> None:
    await check_url("https://r.example/", allow_private=False, lookup=Names(["93.184.215.14"]))


@pytest.mark.parametrize("url", ["https://127.0.0.1:{port}/", "https://r.example:{port}/"])
async def test_the_address_is_checked_again_at_every_post(url: str) -> None:
    """A name may lead elsewhere by then; nothing is connected to before it is checked."""
    connected = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(1)
        writer.close()

    async with (
        listen(serve) as port,
        Subscribers(allow_private=False, lookup=Names(["127.0.0.1"])) as subscribers,
    ):
        with pytest.raises(Invalid, match="must not lead to a private address"):
            await subscribers.post(url.format(port=port), b"{}", {})
    assert connected == []


async def test_what_was_checked_is_what_is_connected_to_under_its_own_name() -> None:
    """The second answer of a name that changes is never asked for."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with (
        WebhookReceiver() as receiver,
        Subscribers(allow_private=True, lookup=names) as subscribers,
    ):
        url = receiver.url.replace("127.0.0.1", "r.example")
        assert await subscribers.post(url, b"{}", {"webhook-id": "evt_1"}) == ReceiverAnswer(200)
    [received] = receiver.received
    assert names.asked == ["r.example"]
    assert received.headers["host"].startswith("r.example:")
    assert received.headers["webhook-id"] == "evt_1"
    assert received.headers["accept-encoding"] == "identity"


async def test_a_redirect_is_not_followed_and_no_cookie_is_kept() -> None:
    head = b"HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:9/\r\nset-cookie: a=b\r\n"
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).lower())
        writer.write(head + b"content-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with listen(serve) as port, Subscribers(allow_private=True) as subscribers:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(2):
            assert (await subscribers.post(url, b"{}", {})).code == 302
    assert len(seen) == 2
    assert b"cookie" not in seen[1]


async def test_the_beginning_of_the_answer_is_kept() -> None:
    body = b"no such tenant \xff\0" + b"." * 5000
    head = b"HTTP/1.1 404 x\r\nretry-after: 120\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with listen(answer(head, body)) as port, Subscribers(allow_private=True) as subscribers:
        given = await subscribers.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert (given.code, given.retry_after) == (404, "120")
    assert given.excerpt.startswith("no such tenant \ufffd\ufffd...")
    assert len(given.excerpt) == subject.EXCERPT_BYTES


async def test_a_compressed_answer_is_delivered_and_never_unpacked() -> None:
    packed = gzip.compress(b"0" * 50_000_000)
    head = b"HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    async with listen(answer(head, packed)) as port, Subscribers(allow_private=True) as subscribers:
        tracemalloc.start()
        given = await subscribers.post(f"http://127.0.0.1:{port}/", b"{}", {})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert given == ReceiverAnswer(200)
    assert peak < 5_000_000


async def test_an_answer_without_an_end_is_delivered() -> None:
    head = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n"
    endless = [head, *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 500]
    async with listen(answer(*endless)) as port, Subscribers(allow_private=True) as subscribers:
        assert (await subscribers.post(f"http://127.0.0.1:{port}/", b"{}", {})).code == 200


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (200, (b"content-length: 9\r\n\r\ntaken", b"")),
        (202, (b"transfer-encoding: chunked\r\n\r\n5\r\ntaken\r\n", b"zz\r\n")),
        (201, (b"transfer-encoding: chunked\r\n\r\n5\r\ntaken\r\n", *[b""] * 100)),
        (500, (b"content-length: 99\r\n\r\ntaken", *[b"."] * 20)),
    ],
)
async def test_what_its_status_says_holds_though_the_body_breaks_off_or_drips(
    code: int, said: tuple[bytes, ...]
) -> None:
    """Posted again, it would take the same event twice."""
    first, *rest = said
    serve = answer(b"HTTP/1.1 %d x\r\n" % code + first, *rest, pause=0.05)
    async with (
        listen(serve) as port,
        Subscribers(allow_private=True, attempt_seconds=0.5) as subscribers,
    ):
        given = await subscribers.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert given.code == code
    assert given.excerpt.startswith("taken")


async def test_a_receiver_that_drips_is_given_up() -> None:
    """However long each byte may take, the whole attempt has an end."""
    dripping = answer(b"HTTP/1.1 200 x\r\n", *[b"x: y\r\n"] * 1000, pause=0.05)
    async with (
        listen(dripping) as port,
        Subscribers(allow_private=True, attempt_seconds=0.3) as subscribers,
    ):
        with pytest.raises(NoAnswer, match=r"it had not answered after 0\.3 seconds"):
            await subscribers.post(f"http://127.0.0.1:{port}/", b"{}", {})


@pytest.mark.parametrize(
    ("said", "why"),
    [(b"", "it closed the connection"), (b"220 mail.example ESMTP\r\n", "its answer was not HTTP")],
)
async def test_what_is_no_answer_is_said_in_words(said: bytes, why: str) -> None:
    async with listen(answer(said)) as port, Subscribers(allow_private=True) as subscribers:
        with pytest.raises(NoAnswer) as failure:
            await subscribers.post(f"http://127.0.0.1:{port}/secret", b"{}", {})
    assert str(failure.value) == why


async def test_a_dead_or_nameless_receiver_is_said_in_words() -> None:
    async with listen(answer()) as port:
        pass
    async with Subscribers(allow_private=True, lookup=Names([])) as subscribers:
        for url, why in (
            (f"http://127.0.0.1:{port}/", "it refused the connection"),
            ("http://r.example/", "its host has no address"),
        ):
            with pytest.raises(NoAnswer, match=why):
                await subscribers.post(url, b"{}", {})


async def test_a_dripping_receiver_holds_up_no_other() -> None:
    dripping = answer(b"HTTP/1.1 200 x\r\n", *[b"x: y\r\n"] * 10_000, pause=0.05)
    async with (
        listen(dripping) as port,
        WebhookReceiver() as receiver,
        Subscribers(allow_private=True, attempt_seconds=5) as subscribers,
    ):
        url = f"http://127.0.0.1:{port}/"
        slow = [asyncio.create_task(subscribers.post(url, b"{}", {})) for _ in range(50)]
        async with asyncio.timeout(2):
            for _ in range(20):
                assert (await subscribers.post(receiver.url, b"{}", {})).code == 200
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
