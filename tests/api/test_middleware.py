"""What stands before every route: a limit on bodies, and an id that follows the request."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters import logs
from api.access.permissions import PUBLIC
from api.app import create_app
from api.middleware import BODY_BYTES_MAX
from tests.testkit.api_client import build_outage, make_unique_id

JSON = {"content-type": "application/json"}


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


@pytest.mark.parametrize("chunked", [False, True])
async def test_ten_megabytes_are_refused_by_the_size(api: httpx.AsyncClient, chunked: bool) -> None:
    size = 10 * 1024 * 1024
    content = _chunks(size) if chunked else b" " * size
    answer = await api.post("/outages", content=content, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"] == f"body: must be at most {BODY_BYTES_MAX} bytes"
    assert problem["errors"][0]["field"] == "body"
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]
    assert (await api.get("/health")).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(BODY_BYTES_MAX, 201), (BODY_BYTES_MAX + 1, 413)])
async def test_the_limit_is_exact(api: httpx.AsyncClient, size: int, status: int) -> None:
    body = httpx.Request("POST", "http://x", json=build_outage()).content
    content = body + b" " * (size - len(body))
    assert (await api.post("/outages", content=content, headers=JSON)).status_code == status


async def test_the_callers_id_comes_back(api: httpx.AsyncClient) -> None:
    given = make_unique_id("trace")
    answer = await api.get("/outages/nothing", headers={"X-Correlation-ID": given})
    assert answer.headers["x-correlation-id"] == given
    assert answer.json()["correlation_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 101, "a b", "a/b", "<script>", "\xe9"])
async def test_an_id_unfit_for_a_log_is_replaced(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/health", headers={"X-Correlation-ID": given.encode("latin-1")})
    assert answer.status_code == 200
    assert answer.headers["x-correlation-id"] != given
    assert len(answer.headers["x-correlation-id"]) == 32


async def test_no_browser_guesses_a_content_type(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).headers["x-content-type-options"] == "nosniff"


async def test_a_defect_is_answered_and_logged_without_what_is_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unexpected error: the answer says where to look, the log has the traceback."""
    app = create_app()

    @app.get("/api/v1/broken/{outage_id}", dependencies=[PUBLIC])
    async def broken(outage_id: str) -> None:
        raise RuntimeError("cannot post to https://hooks.example/planted with whsec_cGxhbnRlZA==")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with caplog.at_level(logging.INFO, "api.middleware"):
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            sent = {"X-Correlation-ID": "corr-500"}
            answer = await client.get("/api/v1/broken/OUT-1", headers=sent)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-correlation-id"] == "corr-500"
    assert answer.json() == {
        "type": "/docs/errors#internal",
        "title": "internal",
        "status": 500,
        "detail": "Internal error. Quote correlation_id corr-500; details are in the server log.",
        "instance": "/api/v1/broken/OUT-1",
        "correlation_id": "corr-500",
    }
    failed, line = caplog.records
    with logs.replace_context():
        text = logs.make_formatter("json").format(failed)
    assert "RuntimeError: cannot post to https://hooks.example/***" in text
    assert "planted" not in text.replace("/planted with", "")
    assert (failed.levelname, line.getMessage()) == ("ERROR", "request")
    assert vars(line).items() >= {"route": "/api/v1/broken/{outage_id}", "status": 500}.items()
