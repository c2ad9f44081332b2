"""Documents are rendered once: whoever does not read one costs a place in a queue, and no copy."""

from typing import Any

import pytest
from fastapi import FastAPI

from tests.testkit.described_app import get_app


async def ask(app: FastAPI, path: str) -> bytes:
    """Return the very object that is handed to the server."""
    bodies: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        else:
            bodies.append(message["body"])

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    nothing: dict[str, Any] = {"headers": [], "query_string": b"", "root_path": ""}
    known = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "http_version": "1.1"}
    await app(scope | nothing | known, receive, send)
    (body,) = bodies
    return body


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/errors"])
async def test_everybody_is_sent_the_same_bytes(path: str) -> None:
    app = get_app()
    first = await ask(app, path)
    assert len(first) > 5_000
    assert await ask(app, path) is first
