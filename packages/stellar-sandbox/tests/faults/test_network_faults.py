"""Faults of the network and its nodes, as a payer meets them."""

from __future__ import annotations

import pytest
from stellar_sdk.exceptions import (
    PrepareTransactionException,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import parse_fault_plan
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import CHANNELS, SHOP
from stellar_sandbox.testing.wallet import Wallet

CHANNEL = CHANNELS[0]


def plan(sandbox: StellarSandbox, *faults: dict[str, object], seed: int = 1) -> None:
    start_fault_plan(sandbox.network, *parse_fault_plan({"seed": seed, "faults": list(faults)}))


async def test_not_found_can_come_with_the_ledger_that_holds_it(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    plan(sandbox, {"kind": "racy_not_found", "times": 1})
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)

    answer = await wallet.server.get_transaction(envelope.hash_hex())
    assert answer.status.value == "NOT_FOUND"
    assert answer.latest_ledger == sandbox.network.ledger.last_closed.sequence
    assert await wallet.read_status(envelope) == "SUCCESS"


async def test_a_banned_hash_and_a_dropped_one(wallet: Wallet, sandbox: StellarSandbox) -> None:
    plan(sandbox, {"kind": "banned_hash", "times": 1})
    banned = wallet.build_payment(CHANNEL, 1)
    for _ in range(10):
        assert await wallet.send(banned) == "TRY_AGAIN_LATER"
        sandbox.close_ledger()
    assert await wallet.send(banned) == "PENDING"

    plan(sandbox, {"kind": "dropped_transaction", "times": 1})
    dropped = wallet.build_payment(CHANNELS[1], 1)
    assert await wallet.send(dropped) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(dropped) == "NOT_FOUND"
    assert await wallet.send(dropped) == "PENDING"


async def test_a_lagging_node_tells_the_past_consistently(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    plan(sandbox, {"kind": "lagging_node", "node": 1, "value": 2})
    late = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    sandbox.close_ledger()
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger()

    assert await wallet.read_status(envelope) == "SUCCESS"
    assert await late.read_status(envelope) == "NOT_FOUND"
    assert (await late.server.load_account(CHANNEL.public_key)).sequence == 0
    assert await late.send(wallet.build_payment(CHANNEL, 2)) == "ERROR txBAD_SEQ"
    assert await late.read_balance(SHOP) == 0
    assert await wallet.read_balance(SHOP) == 25_000_000
    now = (await wallet.server.get_health()).latest_ledger
    assert (await late.server.get_health()).latest_ledger == now - 2
    sandbox.close_ledger(2)
    assert await late.read_status(envelope) == "SUCCESS"
    assert (await late.server.load_account(CHANNEL.public_key)).sequence == 1


async def test_a_surge_lets_only_the_better_bid_in(wallet: Wallet, sandbox: StellarSandbox) -> None:
    plan(sandbox, {"kind": "surge_fee", "value": 1_000})
    low, near, high = (
        wallet.build_payment(channel, 1, fee=fee)
        for channel, fee in zip(CHANNELS, (400, 900, 5_000), strict=False)
    )

    assert await wallet.send(low) == "ERROR txINSUFFICIENT_FEE"
    assert await wallet.send(near) == await wallet.send(high) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(near) == "NOT_FOUND"
    assert await wallet.read_status(high) == "SUCCESS"
    assert (await wallet.server.get_fee_stats()).inclusion_fee.p50 >= 1_000
    plan(sandbox)
    sandbox.close_ledger()
    assert await wallet.read_status(near) == "SUCCESS"


@pytest.mark.parametrize(
    ("kind", "number"), [("frozen_trustline", "#11"), ("removed_trustline", "#13")]
)
async def test_a_recipient_that_cannot_be_paid_for_a_while(
    wallet: Wallet, sandbox: StellarSandbox, kind: str, number: str
) -> None:
    prepared = await wallet.build_transfer(CHANNELS[1], 1)
    plan(sandbox, {"kind": kind, "address": SHOP.public_key})
    with pytest.raises(PrepareTransactionException) as trouble:
        await wallet.build_transfer(CHANNEL, 1)
    assert number in (trouble.value.simulate_transaction_response.error or "")
    await wallet.send(prepared)
    sandbox.close_ledger()
    assert await wallet.read_status(prepared) == "FAILED"

    plan(sandbox)
    envelope = await wallet.build_transfer(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "SUCCESS"


async def test_a_node_that_lost_its_history_says_how_far_back_it_remembers(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger(3)
    plan(sandbox, {"kind": "short_retention", "node": 0, "value": 0})

    answer = await wallet.server.get_transaction(envelope.hash_hex())
    assert answer.status.value == "NOT_FOUND"
    assert answer.oldest_ledger == sandbox.network.ledger.last_closed.sequence
    plan(sandbox)
    assert await wallet.read_status(envelope) == "SUCCESS"
