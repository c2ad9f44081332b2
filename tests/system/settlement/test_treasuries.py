"""
Two agreements with treasuries of their own, in batches: what a signer without a seed leaves waiting, and that the one
after it goes on by itself. The chain's own history is the witness.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from devstack.soak import chain_history
from tests.conftest import KEY
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.processes.commands import run_command
from tests.testkit.settlement.signers import running_signer
from tests.testkit.sla.agreement_factory import make_agreement, make_payee
from tests.testkit.sla.second_treasuries import read_second_seeds, read_second_treasuries
from tests.testkit.stacks import Stacks

SIGNER = "settlement-worker"
SETTINGS = {
    "STELLAR_TREASURY_SEEDS": "",
    "SETTLEMENT_RAIL": "classic",
    "RECONCILIATION_EVERY_SECONDS": "1",
}


@pytest.fixture
async def unheld(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack whose signer has the seeds of the first pair alone."""
    async with stacks.start(tmp_path / "data", ledger_seconds=0.5, settings=SETTINGS) as stack:
        yield stack


async def list_treasuries(stack: Stack) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return what `apexchainx treasuries` ends with and says, by address."""
    command = partial(run_command, environment=stack.environment)
    ended = await asyncio.to_thread(command, "cli.main", "treasuries", "--json")
    return ended.returncode, {each["address"]: each for each in json.loads(ended.stdout)}


async def list_outflows(stack: Stack) -> dict[str, int]:
    sent = defaultdict[str, int](int)
    for each in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"]):
        sent[each.payer] += each.amount_stroops
    return sent


@pytest.fixture
async def client(unheld: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"{unheld.url}/api/v1", headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    ) as opened:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
        (await opened.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()
        yield opened


async def wait_for_seed(api: httpx.AsyncClient, waiting: list[str]) -> None:
    """Wait until each of these outages says that its payment waits for a seed, and readiness does."""

    async def blocked() -> bool:
        found = [await read_payment(api, each) for each in waiting]
        return {each.get("reason_code") for each in found} == {"key_not_held"}

    async def missing() -> bool:
        return "treasury_key_missing" in (await api.get("/health/readiness")).text

    await wait_until(blocked, "the payments wait for the seed", 60)
    await wait_until(missing, "readiness names the treasury", 60)


async def settle_all(api: httpx.AsyncClient, outages: list[str]) -> list[dict[str, Any]]:
    """Wait until these outages are closed, and return their payments."""
    for outage_id in outages:
        await wait_for_lifecycle(api, outage_id, "closed", 90)
    return [await read_payment(api, each) for each in outages]


async def test_a_missing_seed_stops_its_agreement_alone_until_it_is_there(
    unheld: Stack, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    own, first = read_second_treasuries(unheld), unheld.environment["STELLAR_BOND_ADDRESS"]
    payee = (await make_payee(client, unheld)).public_key
    names = [(await make_agreement(client, payee, payee, **own))["name"], "default"]
    waiting, going, again = [
        [await declare_outage(client, agreement=name, policy=AT_ONCE) for _ in range(3)]
        for name in (*names, names[0])
    ]
    await asyncio.gather(*(resolve_outage(client, each) for each in (*waiting, *going)))
    paid = await settle_all(client, going)
    await wait_for_seed(client, waiting)
    code, known = await list_treasuries(unheld)
    assert (code, known[own["bond"]]["signable"], known[first]["signable"]) == (1, False, True)
    assert known[own["bond"]]["unsigned_stroops"] == 3 * 1000 * 10_000_000
    assert (await list_outflows(unheld)).keys() == {first}
    await unheld.stop_part(SIGNER)
    seeds = {"STELLAR_TREASURY_SEEDS": read_second_seeds(unheld)}
    async with running_signer(unheld, tmp_path / "signer.log", settings=seeds):
        paid += await settle_all(client, waiting)
        # Both at once, and so in the same transactions.
        further = [await declare_outage(client, policy=AT_ONCE) for _ in range(3)]
        await asyncio.gather(*(resolve_outage(client, each) for each in (*again, *further)))
        paid += await settle_all(client, [*again, *further])
        await wait_until(partial(is_reconciled, client, len(paid)), "the chain is compared", 60)
    owed = defaultdict[str, int](int)
    for payment in paid:
        owed[payment["from_address"]] += int(payment["amount_stroops"])
    assert await list_outflows(unheld) == owed == {first: 6 * 10**10, own["bond"]: 6 * 10**10}
    code, known = await list_treasuries(unheld)
    assert (code, known[own["bond"]]["signable"]) == (0, True)


async def read_payment(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = (
        await api.get("/payments", params={"outage_id": outage_id})
    ).json()["items"]
    return found[0] if found else {}


async def is_reconciled(api: httpx.AsyncClient, count: int) -> bool:
    """Tell whether every payment was found on the chain, and nothing else was."""
    status = (await api.get("/reconciliation")).json()
    assert not any(status["open_breaks"].values()), status
    return bool(status["matched_transfers"] == count)
