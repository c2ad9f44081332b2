"""Documents are rendered once: whoever does not read one costs a place in a queue, and no copy."""

import asyncio
import sys
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Send

from api.app import create_app
from api.documents import pages, rendering
from domain.errors import Unavailable
from tests.testkit.described_app import get_app


async def ask(app: FastAPI, path: str) -> bytes:
    """Return the very object that is handed to the server."""
    bodies: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        else:
            bodies.append(message["body"])

    await call(app, path, send)
    (body,) = bodies
    return body


async def call(app: FastAPI, path: str, send: Send) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    nothing: dict[str, Any] = {"headers": [], "query_string": b"", "root_path": ""}
    known = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "http_version": "1.1"}
    await app(scope | nothing | known, receive, send)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/errors"])
async def test_everybody_is_sent_the_same_bytes(path: str) -> None:
    app = get_app()
    first = await ask(app, path)
    assert len(first) > 5_000
    assert await ask(app, path) is first


async def test_many_who_ask_at_once_wait_for_one_rendering_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a document is made of took 20 MB of the API for good, and a second in which nobody was answered."""
    app, made = create_app(), list[str]()
    render = rendering._render

    async def count(prefix: str) -> rendering.Documents:
        made.append(prefix)
        return await render(prefix)

    monkeypatch.setattr(rendering, "_render", count)
    monkeypatch.setattr(app, "openapi", lambda: pytest.fail("made in this process"))
    sent = await asyncio.gather(*(ask(app, "/docs") for _ in range(20)))
    assert made == ["/api/v1"]
    assert all(page is sent[0] for page in sent)
    assert b"/api/v1/outages" in sent[0]


@pytest.mark.parametrize(
    "program", ["raise SystemExit('no memory')", "import time; time.sleep(60)"]
)
async def test_what_could_not_be_rendered_is_tried_again(
    program: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app()
    monkeypatch.setattr(rendering, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(rendering, "WITHIN_SECONDS", 1.0)
    with pytest.raises(Unavailable, match="repeat the request"):
        await rendering.read_documents(app)
    assert "the documents were not rendered" in caplog.text
    monkeypatch.setattr(rendering, "COMMAND", (sys.executable, "-c", r"print('2\n{}a page')"))
    monkeypatch.setattr(rendering, "WITHIN_SECONDS", 60.0)
    assert await ask(app, "/openapi.json") == b"{}"


def test_another_prefix_is_in_its_documents() -> None:
    paths = create_app(prefix="/sla/v1").openapi()["paths"]
    assert "/sla/v1/outages" in paths
    assert not any(path.startswith("/api/v1") for path in paths)


async def test_few_read_a_document_at_a_time() -> None:
    """Each of six hundred who do not read on costs the API what a request does, for half a minute."""
    app, going_on, statuses = get_app(), asyncio.Event(), list[int]()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif statuses[-1] == 200:
            await going_on.wait()

    await ask(app, "/docs")
    readers = [asyncio.create_task(call(app, "/docs", send)) for _ in range(pages.READERS_MAX + 20)]
    while len(statuses) < len(readers):
        await asyncio.sleep(0)
    assert (statuses.count(200), statuses.count(503)) == (pages.READERS_MAX, 20)
    going_on.set()
    await asyncio.gather(*readers)
    readers.clear()
    assert len(await ask(app, "/docs")) > 5_000, "who has read makes place"
