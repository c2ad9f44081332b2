"""Every route names who may call it, and every role is held to that."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI

from adapters.postgres.database import Database
from api import problems
from api.access.permissions import PUBLIC, deny_unmarked
from api.middleware import PREFIX, Guards
from domain.access.permissions import Role
from domain.exports.datasets import Dataset
from tests.testkit.access.browser import PASSWORD, Browser, add_person
from tests.testkit.access.served_routes import ServedRoute, list_routes
from tests.testkit.access.two_parties import add_party, save_key
from tests.testkit.described_app import get_app

ROUTES = list_routes(get_app())
# Sources prove themselves by their own tokens and signatures, whoever else they are.
SENT_TO = {
    *(f"/intake/{kind}/{{source}}" for kind in ("alertmanager", "maintnote", "pagerduty")),
    *("/intake/statuspage/{source}", "/intake/zabbix/{source}"),
}
# What anybody may ask. A new one is a decision: it belongs into docs/security.md as well.
PUBLIC_PATHS = {
    *("/health", "/health/liveness", "/health/readiness", "/health/stack"),
    # /metrics asks for its own token, or for a key.
    *("/metrics", "/openapi.json", "/docs", "/redoc", "/docs/errors", "/docs/style.css"),
    *SENT_TO,
    *("/auth/login", "/auth/logout", "/auth/refresh", "/auth/register", "/.well-known/jwks.json"),
    *("/events/schemas", "/events/schemas/{event_type}"),
    *("/console/login", "/console/logout", "/console/style.css", "/console/icon.svg"),
}
# They end the session of whoever asks, or do not end themselves: tests of their own ask them.
ENDS = {"/auth/logout", "/auth/logout-all", "/auth/events", "/console/logout"}


def test_every_route_says_who_may_call_it() -> None:
    assert len(ROUTES) >= 50
    assert [f"{each.method} {each.path}" for each in ROUTES if not each.marked] == []


def test_what_is_public_is_known_here() -> None:
    public = {each.path.removeprefix("/api/v1") for each in ROUTES if not each.permissions}
    assert public == PUBLIC_PATHS


def test_a_route_that_changes_something_does_not_ask_for_reading_alone() -> None:
    """Asking what would be is no change, and neither is a file of what one may read."""
    found = {
        f"{each.method} {each.path}"
        for each in ROUTES
        if each.method != "GET" and any(name.endswith(":read") for name in each.permissions)
    }
    exports = {f"POST /api/v1/exports/{dataset}" for dataset in Dataset}
    assert found == {"POST /api/v1/sla/preview", *exports}


async def test_a_route_that_says_nothing_is_refused_to_everybody() -> None:
    app = FastAPI(dependencies=[Depends(deny_unmarked)])
    app.state.prefix = PREFIX
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
def role(request: pytest.FixtureRequest) -> Role:
    found: Role = request.param
    return found


@pytest.fixture
async def key_holder(
    role: Role, api: httpx.AsyncClient, database: Database
) -> AsyncIterator[httpx.AsyncClient]:
    key = f"key-of-somebody-who-is-{role}"
    await save_key(database, f"somebody-{role}", role, key)
    url = str(api.base_url.copy_with(path="/"))
    headers = {"X-API-Key": key}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


async def _ask(client: httpx.AsyncClient, route: ServedRoute) -> httpx.Response:
    """Ask for what is not there, with a body that no route takes."""
    body = None if route.method in {"GET", "DELETE"} else "of no use"
    return await client.request(route.method, route.example, json=body)


def _is_page(route: ServedRoute) -> bool:
    return route.path.startswith("/console")


def _leads_to_login(route: ServedRoute, answer: httpx.Response) -> bool:
    """As a browser is answered whom the pages do not know; who logs out is led there, too."""
    location = answer.headers.get("location", "")
    return location.startswith("/console/login") and route.path != "/console/logout"


async def _find_wrong(
    client: httpx.AsyncClient, role: Role, routes: list[ServedRoute], *, by_key: bool
) -> list[tuple[str, str, int]]:
    """Return what was answered otherwise than the table of permissions says."""
    wrong = []
    for route in routes:
        if role is Role.CLAIMANT and route.path == "/metrics":
            continue  # sums over everybody: tests/api/routes/access/test_claimants.py
        answer = await _ask(client, route)
        if route.path.removeprefix("/api/v1") in SENT_TO:
            assert answer.status_code == 401, route
            continue
        expected = route.allows(role, by_key=by_key)
        if (
            _leads_to_login(route, answer)
            or answer.status_code in {401, 500}
            or (answer.status_code != 403) is not expected
        ):
            wrong.append((route.method, route.path, answer.status_code))
        if not expected:
            detail = answer.text if _is_page(route) else answer.json()["detail"]
            assert "does not have" in detail
            assert any(name in detail for name in route.permissions)
    return wrong


async def test_a_key_may_what_the_permissions_of_its_role_say_on_every_route(
    role: Role, key_holder: httpx.AsyncClient
) -> None:
    assert await _find_wrong(key_holder, role, ROUTES, by_key=True) == []


async def test_a_person_may_what_the_permissions_of_their_role_say_on_every_route(
    role: Role, api: httpx.AsyncClient, database: Database
) -> None:
    routes = [route for route in ROUTES if route.path.removeprefix("/api/v1") not in ENDS]
    async with Browser(str(api.base_url.copy_with(path="/"))) as browser:
        party, _ = await add_party(database)
        person = await add_person(database, role, party=party)
        said = {"email": person.email, "password": PASSWORD}
        assert (await browser.post("api/v1/auth/login", json=said)).status_code == 200
        assert await _find_wrong(browser, role, routes, by_key=False) == []


async def test_without_a_key_only_what_is_public_answers(api: httpx.AsyncClient) -> None:
    url = str(api.base_url.copy_with(path="/"))
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as stranger:
        for route in ROUTES:
            answer = await _ask(stranger, route)
            proven = route.path.removeprefix("/api/v1") in {"/metrics", *SENT_TO}
            refused = bool(route.permissions) or proven
            assert (answer.status_code == 401 or _leads_to_login(route, answer)) is refused, route
