"""Every route names who may call it, and every role is held to that."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from api import problems
from api.access.permissions import PUBLIC, deny_unmarked
from api.app import create_app
from api.middleware import Guards
from domain.access.permissions import Role
from tests.testkit.access.served_routes import ServedRoute, list_routes

ROUTES = list_routes(create_app())
# What anybody may ask. A new one is a decision: it belongs into docs/security.md as well.
PUBLIC_PATHS = {
    *("/health", "/health/liveness", "/health/readiness", "/health/stack"),
}


def test_every_route_says_who_may_call_it() -> None:
    assert len(ROUTES) >= 50
    assert [f"{each.method} {each.path}" for each in ROUTES if not each.marked] == []


def test_what_is_public_is_known_here() -> None:
    public = {each.path.removeprefix("/api/v1") for each in ROUTES if not each.permissions}
    assert public == PUBLIC_PATHS


def test_a_route_that_changes_something_does_not_ask_for_reading_alone() -> None:
    """Asking what would be is no change."""
    found = {
        f"{each.method} {each.path}"
        for each in ROUTES
        if each.method != "GET" and any(name.endswith(":read") for name in each.permissions)
    }
    assert found == {"POST /api/v1/sla/preview"}


async def test_a_route_that_says_nothing_is_refused_to_everybody() -> None:
    app = FastAPI(dependencies=[Depends(deny_unmarked)])
    problems.install(app)
    app.add_middleware(Guards)

    @app.get("/forgotten")
    async def show_forgotten() -> str:
        return "secret"

    @app.get("/open", dependencies=[PUBLIC])
    async def show_open() -> str:
        return "known"

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        refused = await client.get("/forgotten")
        assert (refused.status_code, "secret" in refused.text) == (403, False)
        assert (await client.get("/open")).json() == "known"


@pytest.fixture(params=list(Role), ids=str)
async def caller(
    request: pytest.FixtureRequest, api: httpx.AsyncClient, database: Database
) -> AsyncIterator[tuple[Role, httpx.AsyncClient]]:
    role: Role = request.param
    key = f"key-of-somebody-who-is-{role}"
    async with database.transaction() as connection:
        await api_keys.save_key(connection, f"somebody-{role}", role, key)
    url = str(api.base_url.copy_with(path="/"))
    headers = {"X-API-Key": key}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=30, trust_env=False
    ) as client:
        yield role, client


async def _ask(client: httpx.AsyncClient, route: ServedRoute) -> httpx.Response:
    """Ask for what is not there, with a body that no route takes."""
    body = None if route.method in {"GET", "DELETE"} else "of no use"
    return await client.request(route.method, route.example, json=body)


async def test_a_role_may_what_its_permissions_say_on_every_route(
    caller: tuple[Role, httpx.AsyncClient],
) -> None:
    role, client = caller
    wrong = []
    for route in ROUTES:
        answer = await _ask(client, route)
        expected = route.allows(role)
        if answer.status_code in {401, 500} or (answer.status_code != 403) is not expected:
            wrong.append((route.method, route.path, answer.status_code))
        if not expected:
            detail = answer.json()["detail"]
            assert f"which the role {role} does not have" in detail
            assert any(name in detail for name in route.permissions)
    assert wrong == []


async def test_without_a_key_only_what_is_public_answers(api: httpx.AsyncClient) -> None:
    url = str(api.base_url.copy_with(path="/"))
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as stranger:
        for route in ROUTES:
            answer = await _ask(stranger, route)
            assert (answer.status_code == 401) is bool(route.permissions), route
