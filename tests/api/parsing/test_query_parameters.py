"""A misspelt query parameter is refused by its name on every route, and none is dropped in silence."""

from typing import Any

import httpx
import pytest

from tests.testkit.described_app import get_app

APP = get_app()
OPERATIONS = [
    pytest.param(method.upper(), path, id=f"{method.upper()} {path}")
    for path, operations in APP.openapi()["paths"].items()
    for method in operations
]
# What the frontend sends to the routes that are served.
OF_THE_FRONTEND = {
    "/sla/analytics/dashboard": {"date_from", "date_to", "severity", "site"},
    "/outages": {
        *("page", "page_size", "severity", "status", "search", "sort"),
        *("sort_field", "sort_order"),
    },
    "/sla/disputes": {"outage_id", "status", "page", "page_size"},
    "/payments": {"page", "page_size", "status", "type", "date_from", "date_to"},
}


async def ask(method: str, path: str) -> httpx.Response:
    """Ask an API that has no database yet: these answers need none."""
    transport = httpx.ASGITransport(app=APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_an_unknown_parameter_is_refused_on_every_route(method: str, path: str) -> None:
    if path.startswith("/api/v1/health"):
        return
    answer = await ask(method, f"{path}?nonsense=1")
    assert answer.status_code == 422
    problem: dict[str, Any] = answer.json()
    assert problem["errors"][0]["field"] == "nonsense"
    assert problem["detail"].startswith("nonsense: is not a parameter of this route: send ")


async def test_a_parameter_that_is_sent_twice_is_refused() -> None:
    answer = await ask("GET", "/api/v1/outages?status=open&status=resolved")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "status")


async def test_a_probe_may_append_what_it_likes() -> None:
    for path in ("/health", "/api/v1/health"):
        assert (await ask("GET", f"{path}?probe=1")).status_code == 200


def test_what_the_frontend_sends_is_known() -> None:
    for path, sent in OF_THE_FRONTEND.items():
        found = APP.openapi()["paths"][f"/api/v1{path}"]["get"]["parameters"]
        assert sent <= {each["name"] for each in found}, path
