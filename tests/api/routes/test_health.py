"""Anyone may ask whether the product serves; only the sandbox shows where its parts are."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.postgres.accounting.troubles import save_troubles
from adapters.postgres.database import Database
from api.routes.health import place_of
from devstack.environment.stack import Stack
from domain.accounting.troubles import Trouble, TroubleCode
from tests.testkit.access.two_parties import add_party, give_key, open_client


async def test_the_process_is_alive_and_says_so_without_a_key(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        for path in ("/api/v1/health", "/api/v1/health/liveness", "/health", "/health/liveness"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"}), path


async def test_readiness_names_the_parts_it_stands_on(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as stranger:
        answer = await stranger.get("/api/v1/health/readiness")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["status"] == "ok"
    assert shown["parts"] == {"database": "ok", "temporal": "ok"}
    # What is wrong with settling is other tests' doing; a signer and a reader are at work here.
    codes = {trouble["code"] for trouble in shown["settling"]["troubles"]}
    known = {"circuit_breaker_open", "breaks_open", "payments_blocked", "treasury_short"}
    assert codes <= {*known, "workflows_missing"}
    assert shown["settling"]["status"] == ("troubled" if codes else "ok")


async def read_trouble(client: httpx.AsyncClient, code: str) -> dict[str, Any] | None:
    answer = await client.get("/health/readiness")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    found = [each for each in answer.json()["settling"]["troubles"] if each["code"] == code]
    return found[0] if found else None


async def test_a_trouble_keeps_nobody_from_being_served_and_tells_strangers_and_claimants_no_names(
    api: httpx.AsyncClient, database: Database
) -> None:
    short = Trouble(
        TroubleCode.FEES_SHORT, "the fee account GABC is short", "GABC", missing_stroops=15_000_000
    )
    first, later = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)
    async with database.transaction() as connection:
        await save_troubles(connection, "Elsewhere", [short], first)
        more = replace(short, missing_stroops=25_000_000)
        await save_troubles(connection, "Elsewhere", [more], later)
    reported = await read_trouble(api, "fees_short")
    async with httpx.AsyncClient(base_url=api.base_url, trust_env=False) as stranger:
        shown = await read_trouble(stranger, "fees_short")
    claimants_key = await give_key(api, (await add_party(database))[0])
    async with open_client(api, claimants_key) as claimant:
        shown_claimant = await read_trouble(claimant, "fees_short")
    async with database.transaction() as connection:
        await save_troubles(connection, "Elsewhere", [], later)
    assert shown == {
        "code": "fees_short",
        "since": "2026-05-01T00:00:00Z",
        "count": None,
        "missing": "2.5",
        "subject": None,
        "sentence": None,
    }
    assert shown_claimant == shown
    assert reported == shown | {"subject": "GABC", "sentence": "the fee account GABC is short"}
    assert await read_trouble(api, "fees_short") is None


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
