"""Anyone may ask whether the product serves; only the sandbox shows where its parts are."""

from datetime import UTC, datetime

import httpx
import pytest

from adapters.postgres import networks
from adapters.postgres.database import Database
from api.routes.health import place_of
from devstack.environment.stack import Stack
from domain.networks import NetworkState


async def test_the_process_is_alive_and_says_so_without_a_key(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        for path in ("/api/v1/health", "/api/v1/health/liveness", "/health", "/health/liveness"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"}), path


async def test_readiness_names_the_parts_it_stands_on(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        answer = await stranger.get("/api/v1/health/readiness")
    assert answer.status_code == 200
    parts = {"database": "ok", "temporal": "ok", "settlement": "ok"}
    assert answer.json() == {"status": "ok", "parts": parts}


async def test_health_names_what_the_signer_lacks_and_stays_ready(
    api: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as connection:
        await networks.save_state(connection, NetworkState("Elsewhere", 27, 1, datetime.now(UTC)))
        await networks.save_trouble(connection, "Elsewhere", "the fee account is short")
    answer = await api.get("/health/readiness")
    async with database.autocommit() as connection:
        await networks.save_trouble(connection, "Elsewhere", "")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert "a person must act" in answer.json()["parts"]["settlement"]
    assert (await api.get("/health/readiness")).json()["parts"]["settlement"] == "ok"


async def test_the_sandbox_shows_where_its_parts_are(api: httpx.AsyncClient, stack: Stack) -> None:
    answer = await api.get("/health/stack")
    assert answer.json() == {
        "stellar_network": "sandbox",
        "stellar_rpc_url": stack.environment["STELLAR_RPC_URL"],
        "temporal_address": stack.environment["TEMPORAL_ADDRESS"],
        "temporal_ui_url": stack.environment["TEMPORAL_UI_URL"],
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://rpc.example/v1/a-key?apikey=secret", "https://rpc.example"),
        ("https://user:secret@rpc.example:8443/a-key", "https://rpc.example:8443"),
        ("https://rpc.example/secret, https://other.example/secret", "https://rpc.example"),
        ("http://rpc.example:99999/secret", "http://rpc.example:99999"),
        (None, None),
    ],
)
def test_what_a_url_may_hold_is_not_shown(given: str | None, shown: str | None) -> None:
    assert place_of(given) == shown
