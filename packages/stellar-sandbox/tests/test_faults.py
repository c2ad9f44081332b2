"""Each fault does to a client what it says, is counted, and comes again from the same seed."""

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
    PrepareTransactionException,
    SorobanRpcErrorResponse,
)
from stellar_sdk.exceptions import ConnectionError as StellarConnectionError
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import Box
from stellar_sandbox.faults.fault_plan import BadPlan, read_plan
from stellar_sandbox.network.fault_activation import start_plan
from stellar_sandbox.testing.accounts import CHANNELS, SHOP, STRANGER
from stellar_sandbox.testing.process import Process
from stellar_sandbox.testing.wallet import Desk

CHANNEL = CHANNELS[0]


def plan(box: Box, *faults: dict[str, object], seed: int = 1) -> None:
    start_plan(box.network, *read_plan({"seed": seed, "faults": list(faults)}))


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
    desk: Desk, box: Box, kind: str, error: type[Exception], sent: bool
) -> None:
    plan(box, {"kind": kind, "method": "sendTransaction", "times": 1})
    envelope = desk.payment(CHANNEL, 1)

    with pytest.raises(error):
        await desk.send(envelope)
    assert await desk.send(envelope) == ("DUPLICATE" if sent else "PENDING")
    assert box.network.faults.counts == {kind: 1}
    box.close_ledger()
    assert box.balance(SHOP.public_key) == 25_000_000


async def test_not_found_can_come_with_the_ledger_that_holds_it(desk: Desk, box: Box) -> None:
    plan(box, {"kind": "racy_not_found", "times": 1})
    envelope = desk.payment(CHANNEL, 1)
    await desk.send(envelope)

    answer = await desk.server.get_transaction(envelope.hash_hex())
    assert answer.status.value == "NOT_FOUND"
    assert answer.latest_ledger == box.network.ledger.head.sequence
    assert await desk.outcome(envelope) == "SUCCESS"


async def test_a_banned_hash_and_a_dropped_one(desk: Desk, box: Box) -> None:
    plan(box, {"kind": "banned_hash", "times": 1})
    banned = desk.payment(CHANNEL, 1)
    for _ in range(10):
        assert await desk.send(banned) == "TRY_AGAIN_LATER"
        box.close_ledger()
    assert await desk.send(banned) == "PENDING"

    plan(box, {"kind": "dropped_transaction", "times": 1})
    dropped = desk.payment(CHANNELS[1], 1)
    assert await desk.send(dropped) == "PENDING"
    box.close_ledger()
    assert await desk.outcome(dropped) == "NOT_FOUND"
    assert await desk.send(dropped) == "PENDING"


async def test_a_lagging_node_tells_the_past_consistently(desk: Desk, box: Box) -> None:
    plan(box, {"kind": "lagging_node", "node": 1, "value": 2})
    late = Desk(SorobanServerAsync("http://in-process", box.client(1)))
    box.close_ledger()
    envelope = desk.payment(CHANNEL, 1)
    await desk.send(envelope)
    box.close_ledger()

    assert await desk.outcome(envelope) == "SUCCESS"
    assert await late.outcome(envelope) == "NOT_FOUND"
    assert (await late.server.load_account(CHANNEL.public_key)).sequence == 0
    assert await late.send(desk.payment(CHANNEL, 2)) == "ERROR txBAD_SEQ"
    assert await late.held(SHOP) == 0
    assert await desk.held(SHOP) == 25_000_000
    now = (await desk.server.get_health()).latest_ledger
    assert (await late.server.get_health()).latest_ledger == now - 2
    box.close_ledger(2)
    assert await late.outcome(envelope) == "SUCCESS"
    assert (await late.server.load_account(CHANNEL.public_key)).sequence == 1


async def test_a_surge_lets_only_the_better_bid_in(desk: Desk, box: Box) -> None:
    plan(box, {"kind": "surge_fee", "value": 1_000})
    low, near, high = (
        desk.payment(channel, 1, fee=fee)
        for channel, fee in zip(CHANNELS, (400, 900, 5_000), strict=False)
    )

    assert await desk.send(low) == "ERROR txINSUFFICIENT_FEE"
    assert await desk.send(near) == await desk.send(high) == "PENDING"
    box.close_ledger()
    assert await desk.outcome(near) == "NOT_FOUND"
    assert await desk.outcome(high) == "SUCCESS"
    assert (await desk.server.get_fee_stats()).inclusion_fee.p50 >= 1_000
    plan(box)
    box.close_ledger()
    assert await desk.outcome(near) == "SUCCESS"


@pytest.mark.parametrize(
    ("kind", "number"), [("frozen_trustline", "#11"), ("removed_trustline", "#13")]
)
async def test_a_recipient_that_cannot_be_paid_for_a_while(
    desk: Desk, box: Box, kind: str, number: str
) -> None:
    prepared = await desk.transfer(CHANNELS[1], 1)
    plan(box, {"kind": kind, "address": SHOP.public_key})
    with pytest.raises(PrepareTransactionException) as trouble:
        await desk.transfer(CHANNEL, 1)
    assert number in (trouble.value.simulate_transaction_response.error or "")
    await desk.send(prepared)
    box.close_ledger()
    assert await desk.outcome(prepared) == "FAILED"

    plan(box)
    envelope = await desk.transfer(CHANNEL, 1)
    await desk.send(envelope)
    box.close_ledger()
    assert await desk.outcome(envelope) == "SUCCESS"


async def test_a_node_that_lost_its_history_says_how_far_back_it_remembers(
    desk: Desk, box: Box
) -> None:
    envelope = desk.payment(CHANNEL, 1)
    await desk.send(envelope)
    box.close_ledger(3)
    plan(box, {"kind": "short_retention", "node": 0, "value": 0})

    answer = await desk.server.get_transaction(envelope.hash_hex())
    assert answer.status.value == "NOT_FOUND"
    assert answer.oldest_ledger == box.network.ledger.head.sequence
    plan(box)
    assert await desk.outcome(envelope) == "SUCCESS"


async def test_the_same_seed_strikes_the_same_calls(desk: Desk, box: Box) -> None:
    async def strikes(seed: int) -> list[bool]:
        plan(box, {"kind": "internal_error", "rate": 0.5}, seed=seed)
        seen = []
        for _ in range(30):
            try:
                await desk.server.get_health()
                seen.append(False)
            except SorobanRpcErrorResponse:
                seen.append(True)
        return seen

    assert await strikes(7) == await strikes(7) != await strikes(8)


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
def test_a_plan_that_makes_no_sense_is_refused(box: Box, fault: dict[str, object]) -> None:
    with pytest.raises(BadPlan):
        plan(box, fault)


async def test_a_slow_node_answers_after_so_many_seconds(desk: Desk, box: Box) -> None:
    plan(box, {"kind": "slow", "method": "getHealth", "seconds": 0.05, "times": 1})
    loop = asyncio.get_running_loop()

    begun = loop.time()
    assert (await desk.server.get_health()).status == "healthy"
    assert loop.time() - begun >= 0.05
    assert box.network.faults.counts == {"slow": 1}


async def test_who_gives_up_on_a_slow_node_may_have_paid_all_the_same(process: Process) -> None:
    client = AiohttpClient(post_timeout=0.1)
    async with (
        aiohttp.ClientSession() as http,
        SorobanServerAsync(process.url) as server,
        SorobanServerAsync(process.url, client) as hasty,
    ):
        sequence = (await server.load_account(CHANNELS[7].public_key)).sequence + 1
        envelope = Desk(server).payment(CHANNELS[7], sequence, fee=100)
        slow = {"kind": "slow", "method": "sendTransaction", "seconds": 0.3, "times": 1}
        async with http.post(f"{process.url}/faults", json={"faults": [slow]}) as answer:
            assert answer.status == 200

        with pytest.raises(TimeoutError):
            await hasty.send_transaction(envelope)
        async with asyncio.timeout(10):
            while await Desk(server).outcome(envelope) != "SUCCESS":
                await asyncio.sleep(0.05)
        async with http.post(f"{process.url}/faults", json={"faults": []}) as answer:
            assert (await answer.json())["counts"]["slow"] >= 1


async def test_faults_over_a_real_port(process: Process) -> None:
    client = AiohttpClient(post_timeout=0.5)
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
        here = (await server.get_health()).latest_ledger
        await asyncio.sleep(0.6)
        assert (await server.get_health()).latest_ledger == here
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
