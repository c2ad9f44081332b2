"""The settings that decide who may call from where, and under which path; no server is needed to see them."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from adapters.settings import ApiSettings
from api.app import create_app

ORIGIN = "https://noc.example.com"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "PUT"}
ADDRESS = "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    settings = ApiSettings(
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        bootstrap_api_key="sixteen-letters-x",
        jwt_secret_key="thirty-two-letters-at-the-very-least",
        webhook_secret_key="thirty-two-letters-at-the-very-least",
        allowed_origins=f"{ORIGIN}, http://localhost:3000",
        api_v1_prefix="/sla/v1",
        **{
            f"stellar_{role}_address": ADDRESS
            for role in ("bond", "pool", "provider", "beneficiary")
        },
    )
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x/sla/v1") as client:
        yield client


async def test_the_prefix_is_the_one_that_is_set(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).status_code == 200
    assert (await client.get("http://x/health")).status_code == 200
    lost = await client.get("http://x/api/v1/health")
    assert lost.status_code == 404
    assert lost.json()["detail"].endswith("each begins with /sla/v1")
    paths = (await client.get("http://x/openapi.json")).json()["paths"]
    assert "/sla/v1/outages" in paths
    assert {path for path in paths if not path.startswith("/sla/v1/")} == set()


async def test_a_page_of_an_allowed_origin_may_call_with_cookies(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health", headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"x-correlation-id", "retry-after", "content-disposition"} <= set(exposed.split(", "))
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_names_what_may_be_sent(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.options("/outages/OUT-1", headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    methods = set(answer.headers["access-control-allow-methods"].split(", "))
    assert methods >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
    headers = set(answer.headers["access-control-allow-headers"].split(", "))
    assert headers >= {"authorization", "content-type", "x-csrf-token", "cache-control"}


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", f"{ORIGIN}.evil.example", "http://noc.example.com", "null"],
)
async def test_any_other_origin_is_allowed_nothing(client: httpx.AsyncClient, origin: str) -> None:
    for answer in (
        await client.get("/health", headers={"origin": origin}),
        await client.options("/health", headers=PREFLIGHT | {"origin": origin}),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    "origins", ["*", "https://noc.example.com/", "noc.example.com", "https://a.example b.example"]
)
def test_what_is_no_origin_stops_the_start(origins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="is no origin like"):
        ApiSettings(allowed_origins=origins)
