"""What stands before every route: a limit on bodies, and an id that follows the request."""

from collections.abc import AsyncIterator

import httpx
import pytest

from api.guards import BODY_BYTES_MAX
from tests.support import outage, unique

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
    body = httpx.Request("POST", "http://x", json=outage()).content
    content = body + b" " * (size - len(body))
    assert (await api.post("/outages", content=content, headers=JSON)).status_code == status


async def test_the_callers_id_comes_back(api: httpx.AsyncClient) -> None:
    given = unique("trace")
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
