"""A path that a route names exactly answers the methods of that route alone, not those of a thing of that id."""

import httpx
import pytest

from tests.testkit.described_app import get_app

EXACT = {
    ("GET", "/wallets/create"): "POST",
    ("GET", "/outages/bulk"): "POST",
    ("DELETE", "/outages/export"): "GET, HEAD",
    ("PUT", "/sla/config/token"): "GET, HEAD",
}


@pytest.mark.parametrize(("method", "path"), EXACT)
async def test_an_exact_path_takes_its_own_methods_alone(method: str, path: str) -> None:
    transport, allowed = httpx.ASGITransport(app=get_app()), EXACT[method, path]
    async with httpx.AsyncClient(transport=transport, base_url="http://x/api/v1") as client:
        refused = await client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        asked = await client.options(path)
        assert (asked.status_code, asked.headers["allow"]) == (204, f"{allowed}, OPTIONS")
