"""Each fault has its documented effect, is counted, and is the same again with the same seed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import aiohttp
import pytest
from stellar_sdk.client.aiohttp_client import AiohttpClient
from stellar_sdk.exceptions import (
    BadRequestError,
    BadResponseError,
    SorobanRpcErrorResponse,
)
from stellar_sdk.exceptions import ConnectionError as StellarConnectionError
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import InvalidFaultPlan, parse_fault_plan
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import CHANNELS, SHOP, STRANGER
from stellar_sandbox.testing.process import SandboxProcess
from stellar_sandbox.testing.wallet import Wallet

CHANNEL = CHANNELS[0]


def plan(sandbox: StellarSandbox, *faults: dict[str, object], seed: int = 1) -> None:
    start_fault_plan(sandbox.network, *parse_fault_plan({"seed": seed, "faults": list(faults)}))


@pytest.mark.parametrize(
    ("kind", "error", "sent"),
    [
        ("accept_then_timeout", TimeoutError, True),
        ("reset_before", StellarConnectionError, False),
        ("reset_after", StellarConnectionError, True),
        ("too_many_requests", BadRequestError, False),
        ("bad_gateway", BadResponseError, False),
        ("internal_error", SorobanRpcErrorResponse, True),
        ("garbage", json.JSONDecodeError, True),
        ("node_down", StellarConnectionError, False),
    ],
)
async def test_an_answer_is_lost_and_the_payment_may_have_been_taken(
    wallet: Wallet, sandbox: StellarSandbox, kind: str, error: type[Exception], sent: bool
) -> None:
    plan(sandbox, {"kind": kind, "method": "sendTransaction", "times": 1})
    envelope = wallet.build_payment(CHANNEL, 1)

    with pytest.raises(error):
        await wallet.send(envelope)
    assert await wallet.send(envelope) == ("DUPLICATE" if sent else "PENDING")
    assert sandbox.network.faults.counts == {kind: 1}
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000


async def test_the_same_seed_strikes_the_same_calls(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    async def trigger(seed: int) -> list[bool]:
        plan(sandbox, {"kind": "internal_error", "rate": 0.5}, seed=seed)
        seen = []
        for _ in range(30):
            try:
                await wallet.server.get_health()
                seen.append(False)
            except SorobanRpcErrorResponse:
                seen.append(True)
        return seen

    assert await trigger(7) == await trigger(7) != await trigger(8)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "bad luck"},
        {"kind": "slow", "colour": "red"},
        {"kind": "lagging_node", "node": 9, "value": 1},
        {"kind": "lagging_node", "value": 10_000},
        {"kind": "surge_fee"},
        {"kind": "frozen_trustline", "address": STRANGER.public_key},
        {"kind": "slow", "rate": "often"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(
    sandbox: StellarSandbox, fault: dict[str, object]
) -> None:
    with pytest.raises(InvalidFaultPlan):
        plan(sandbox, fault)


async def test_a_slow_node_answers_after_so_many_seconds(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    plan(sandbox, {"kind": "slow", "method": "getHealth", "seconds": 0.05, "times": 1})
    loop = asyncio.get_running_loop()

    begun = loop.time()
    assert (await wallet.server.get_health()).status == "healthy"
    assert loop.time() - begun >= 0.05
    assert sandbox.network.faults.counts == {"slow": 1}


async def test_who_gives_up_on_a_slow_node_may_have_paid_all_the_same(
    process: SandboxProcess,
) -> None:
    client = AiohttpClient(post_timeout=0.1)
    async with (
        aiohttp.ClientSession() as http,
        SorobanServerAsync(process.url) as server,
        SorobanServerAsync(process.url, client) as hasty,
    ):
        sequence = (await server.load_account(CHANNELS[7].public_key)).sequence + 1
        envelope = Wallet(server).build_payment(CHANNELS[7], sequence, fee=100)
        slow = {"kind": "slow", "method": "sendTransaction", "seconds": 0.3, "times": 1}
        async with http.post(f"{process.url}/faults", json={"faults": [slow]}) as answer:
            assert answer.status == 200

        with pytest.raises(TimeoutError):
            await hasty.send_transaction(envelope)
        async with asyncio.timeout(10):
            while await Wallet(server).read_status(envelope) != "SUCCESS":
                await asyncio.sleep(0.05)
        async with http.post(f"{process.url}/faults", json={"faults": []}) as answer:
            assert (await answer.json())["counts"]["slow"] >= 1


async def test_faults_over_a_real_port(process: SandboxProcess) -> None:
    client = AiohttpClient(post_timeout=0.3)
    async with aiohttp.ClientSession() as http, SorobanServerAsync(process.url, client) as server:

        async def counts() -> Counter[str]:
            async with http.get(f"{process.url}/faults") as answer:
                return Counter((await answer.json())["counts"])

        async def switch(*faults: dict[str, object]) -> None:
            url = f"{process.url}/faults"
            async with http.post(url, json={"seed": 3, "faults": list(faults)}) as answer:
                assert answer.status == 200

        before = await counts()
        await switch({"kind": "accept_then_timeout", "times": 1})
        with pytest.raises(TimeoutError):
            await server.get_health()
        await switch({"kind": "reset_after", "times": 1})
        with pytest.raises(StellarConnectionError):
            await server.get_health()
        await switch({"kind": "bad_gateway", "times": 1})
        with pytest.raises(BadResponseError):
            await server.get_health()
        await switch({"kind": "network_halt"})
        halted_at = (await server.get_health()).latest_ledger
        await asyncio.sleep(0.5)  # more than two times the 0.2 s between ledgers
        assert (await server.get_health()).latest_ledger == halted_at
        struck = await counts() - before
        await switch()
        assert struck == {
            "accept_then_timeout": 1,
            "reset_after": 1,
            "bad_gateway": 1,
            "network_halt": 1,
        }
        async with http.post(f"{process.url}/faults", json={"faults": [{"kind": "?"}]}) as answer:
            assert answer.status == 400
