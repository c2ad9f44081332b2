"""
Serving and settling on the running product: each trouble is really made, shows in readiness with its
code, and is gone when it is mended; and a payment whose workflow is over is confirmed all the same.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url
from temporalio.client import Client

from adapters.stellar.rpc import ledger_entries
from devstack.environment.stack import Stack
from tests.testkit.accounting import chain_history
from tests.testkit.accounting.break_factory import TreasuryIntruder
from tests.testkit.api_client import AT_ONCE, TERMS, declare_outage, resolve_patiently, wait_until
from tests.testkit.settlement.payment_factory import open_rail
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import count_rounds

SECONDS = 120
SETTINGS = {
    "RECONCILIATION_EVERY_SECONDS": "2",
    "RECONCILIATION_OPENS_CIRCUIT_BREAKER": "false",
    "INTEGRITY_CHECK_OPENS_CIRCUIT_BREAKER": "false",
}
USDC = 10_000_000


@pytest.fixture(scope="module")
async def house(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack for these tests, of which each mends what it breaks, except for the last."""
    made = tmp_path_factory.mktemp("settling")
    async with stacks.start(made, ledger_seconds=1.0, settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
async def caller(house: Stack) -> AsyncIterator[httpx.AsyncClient]:
    key = {"X-API-Key": house.environment["BOOTSTRAP_API_KEY"]}
    url = f"{house.url}/api/v1"
    async with httpx.AsyncClient(base_url=url, headers=key, trust_env=False, timeout=30) as client:
        policy = {
            "name": AT_ONCE,
            "terms": TERMS,
            "dispute_window_seconds": 0,
            "decision_window_seconds": 0,
        }
        (await client.post("/sla/policies", json=policy)).raise_for_status()
        yield client


async def read_troubles(caller: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await caller.get("/health/readiness")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok"), answer.text
    return {trouble["code"]: trouble for trouble in answer.json()["settling"]["troubles"]}


async def wait_for_codes(caller: httpx.AsyncClient, *codes: str) -> dict[str, dict[str, Any]]:
    async def look() -> dict[str, dict[str, Any]] | bool:
        found = await read_troubles(caller)
        return set(found) == set(codes) and (found or True)

    found = await wait_until(look, f"the troubles are {codes}", SECONDS)
    return {} if found is True else found


async def read_payment(caller: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        listed = (await caller.get("/payments", params={"outage_id": outage_id})).json()["items"]
        return listed[0] if listed else None

    return await wait_until(look, "the payment is owed", SECONDS)


async def wait_for_payment(caller: httpx.AsyncClient, outage_id: str, **wanted: str) -> None:
    async def look() -> bool:
        paid = await read_payment(caller, outage_id)
        return all(paid[name] == text for name, text in wanted.items())

    await wait_until(look, f"the payment of {outage_id} is {wanted}", SECONDS)


async def owe(caller: httpx.AsyncClient) -> str:
    """Have an outage judged that owes a penalty of 1000 USDC at once."""
    outage_id = await declare_outage(caller, policy=AT_ONCE)
    await resolve_patiently(caller, outage_id)
    return outage_id


async def run(stack: Stack, statement: str) -> None:
    """Run a statement as the operator, in another database than the product's."""
    url = make_url(stack.environment["DATABASE_URL"]).set(database="postgres")
    plain = url.render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def test_commits_that_may_be_lost_hold_payments_until_they_are_kept_again(
    house: Stack, caller: httpx.AsyncClient
) -> None:
    await wait_for_codes(caller)
    await run(house, "ALTER DATABASE apexchainx SET synchronous_commit = off")
    found = await wait_for_codes(caller, "commits_not_durable")
    said = found["commits_not_durable"]["sentence"]
    assert 'ALTER DATABASE "apexchainx" SET synchronous_commit = on' in said
    outage_id = await owe(caller)
    await wait_for_payment(caller, outage_id, reason_code="commits_not_durable")
    await run(house, "ALTER DATABASE apexchainx RESET synchronous_commit")
    await wait_for_payment(caller, outage_id, state="confirmed")
    await wait_for_codes(caller)


async def test_a_database_that_takes_no_writes_shows_while_it_lasts(
    house: Stack, caller: httpx.AsyncClient
) -> None:
    """What reads is served, and readiness says why nothing moves."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'apexchainx'"
    await run(house, "ALTER DATABASE apexchainx SET default_transaction_read_only = on")
    await run(house, ended)

    async def read_only() -> bool:
        answer = await caller.get("/health/readiness")
        return answer.status_code == 200 and "database_read_only" in answer.text

    await wait_until(read_only, "the database is read-only", SECONDS)
    await run(house, "ALTER DATABASE apexchainx RESET default_transaction_read_only")
    await run(house, ended)

    async def written() -> bool:
        answer = await caller.get("/health/readiness")
        return answer.status_code == 200 and "database_read_only" not in answer.text

    await wait_until(written, "the database takes writes again", SECONDS)


async def test_what_a_lost_workflow_has_paid_is_confirmed_without_it(
    house: Stack, caller: httpx.AsyncClient
) -> None:
    temporal = await Client.connect(house.environment["TEMPORAL_ADDRESS"])
    for _ in count_rounds("lost workflow"):
        await lose_workflow(house, caller, temporal)


async def lose_workflow(house: Stack, caller: httpx.AsyncClient, temporal: Client) -> None:
    outage_id = await owe(caller)
    while (paid := await read_payment(caller, outage_id))["state"] not in (
        "submitted",
        "confirmed",
    ):
        await asyncio.sleep(0.02)
    # First the worker: what an activity does without asking the server goes on after the workflow's end.
    house.kill("settlement-worker")
    await temporal.get_workflow_handle(f"outage/{outage_id}").terminate("its memory was lost")
    assert (await read_payment(caller, outage_id))["state"] == "submitted", "it was too quick"
    await wait_for_payment(caller, outage_id, state="confirmed")
    # By reconciliation, or by a workflow that the relay has started again, whichever comes first.
    transfers = await chain_history.list_transfers(house.environment["STELLAR_RPC_URL"])
    number = int((await caller.get(f"/payments/{paid['id']}")).json()["number"])
    assert [transfer.number for transfer in transfers].count(number) == 1
    assert "breaks_open" not in await read_troubles(caller)


async def test_each_trouble_shows_while_it_lasts(house: Stack, caller: httpx.AsyncClient) -> None:
    await wait_for_codes(caller)
    switch = "/payments/circuit-breaker"
    for action, codes in (("open", ["circuit_breaker_open"]), ("close", [])):
        (await caller.post(switch, json={"action": action, "reason": "a drill"})).raise_for_status()
        await wait_for_codes(caller, *codes)
    # Somebody empties the bond, but for 100 USDC: a break, and soon a payment that lacks 900.
    rail = open_rail(house)
    bond = house.environment["STELLAR_BOND_ADDRESS"]
    keys = ledger_entries.make_keys([bond], rail.asset)
    reply = await rail.nodes.ask(lambda server: server.get_ledger_entries(keys), at_least=0)
    spendable = ledger_entries.parse_accounts(reply).lines[bond].spendable_stroops
    await TreasuryIntruder(house, rail).send(None, spendable - 100 * USDC)
    await rail.close()
    await wait_for_codes(caller, "breaks_open")
    outage_id = await owe(caller)
    found = await wait_for_codes(caller, "breaks_open", "payments_blocked", "treasury_short")
    assert found["treasury_short"]["missing"] == "900"
    assert found["treasury_short"]["subject"] == bond
    assert found["payments_blocked"]["count"] == 1
    assert all(trouble["since"] for trouble in found.values())
    await wait_for_payment(caller, outage_id, reason_code="treasury_underfunded")
    async with httpx.AsyncClient(base_url=caller.base_url, trust_env=False) as stranger:
        shown = await read_troubles(stranger)
    assert {trouble["sentence"] for trouble in shown.values()} == {None}
    assert shown["treasury_short"]["missing"] == "900"
