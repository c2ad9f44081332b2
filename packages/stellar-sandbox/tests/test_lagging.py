"""A node that lags has a queue that lags: it takes again what others have long applied."""

from __future__ import annotations

from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import Box
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.network.fault_activation import start_plan
from stellar_sandbox.testing.accounts import CHANNELS, SHOP
from stellar_sandbox.testing.wallet import Desk

CHANNEL = CHANNELS[0]


def box_lags(box: Box, ledgers: int) -> None:
    start_plan(box.network, [Fault("lagging_node", node=1, value=ledgers)], 0)


async def test_a_lagging_node_takes_an_applied_payment_again_and_it_pays_once(
    desk: Desk, box: Box
) -> None:
    late = Desk(SorobanServerAsync("http://in-process", box.client(1)))
    box.close_ledger(4)
    box_lags(box, 3)
    envelope = desk.payment(CHANNEL, 1)
    await desk.send(envelope)
    box.close_ledger()

    assert await late.send(envelope) == "PENDING"
    for _ in range(3):
        assert await late.send(envelope) == "DUPLICATE"
        assert await desk.send(envelope) == "TRY_AGAIN_LATER"
        box.close_ledger()
    for _ in range(10):
        assert await late.send(envelope) == "TRY_AGAIN_LATER"
        box.close_ledger()
    assert await late.send(envelope) == await desk.send(envelope) == "ERROR txBAD_SEQ"
    assert box.balance(SHOP.public_key) == 25_000_000


async def test_a_node_that_catches_up_at_once_bans_what_was_applied_meanwhile(
    desk: Desk, box: Box
) -> None:
    late = Desk(SorobanServerAsync("http://in-process", box.client(1)))
    box.close_ledger(4)
    box_lags(box, 3)
    envelope = desk.payment(CHANNEL, 1)
    await desk.send(envelope)
    box.close_ledger(2)
    assert await late.send(envelope) == "PENDING"

    start_plan(box.network, [], 0)
    assert await late.send(envelope) == "TRY_AGAIN_LATER"
    box.close_ledger(8)
    assert await desk.send(envelope) == await late.send(envelope) == "TRY_AGAIN_LATER"
    box.close_ledger()
    assert await desk.send(envelope) == await late.send(envelope) == "ERROR txBAD_SEQ"


async def test_what_a_lagging_node_holds_does_not_keep_the_next_payment_out(
    desk: Desk, box: Box
) -> None:
    late = Desk(SorobanServerAsync("http://in-process", box.client(1)))
    box.close_ledger(4)
    box_lags(box, 3)
    first, second = desk.payment(CHANNEL, 1, fee=9_000), desk.payment(CHANNEL, 2, fee=100)
    await desk.send(first)
    box.close_ledger()
    assert await late.send(first) == await desk.send(second) == "PENDING"

    box.close_ledger()
    assert await desk.outcome(second) == "SUCCESS"
    assert box.balance(SHOP.public_key) == 2 * 25_000_000
