"""A node that lags has a queue that lags: it takes again what others have long applied."""

from __future__ import annotations

from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import CHANNELS, SHOP
from stellar_sandbox.testing.wallet import Wallet

CHANNEL = CHANNELS[0]


def box_lags(sandbox: StellarSandbox, ledgers: int) -> None:
    start_fault_plan(sandbox.network, [Fault("lagging_node", node=1, value=ledgers)], 0)


async def test_a_lagging_node_takes_an_applied_payment_again_and_it_pays_once(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    late = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    sandbox.close_ledger(4)
    box_lags(sandbox, 3)
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger()

    assert await late.send(envelope) == "PENDING"
    for _ in range(3):
        assert await late.send(envelope) == "DUPLICATE"
        assert await wallet.send(envelope) == "TRY_AGAIN_LATER"
        sandbox.close_ledger()
    for _ in range(10):
        assert await late.send(envelope) == "TRY_AGAIN_LATER"
        sandbox.close_ledger()
    assert await late.send(envelope) == await wallet.send(envelope) == "ERROR txBAD_SEQ"
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000


async def test_a_node_that_catches_up_at_once_bans_what_was_applied_meanwhile(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    late = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    sandbox.close_ledger(4)
    box_lags(sandbox, 3)
    envelope = wallet.build_payment(CHANNEL, 1)
    await wallet.send(envelope)
    sandbox.close_ledger(2)
    assert await late.send(envelope) == "PENDING"

    start_fault_plan(sandbox.network, [], 0)
    assert await late.send(envelope) == "TRY_AGAIN_LATER"
    sandbox.close_ledger(8)
    assert await wallet.send(envelope) == await late.send(envelope) == "TRY_AGAIN_LATER"
    sandbox.close_ledger()
    assert await wallet.send(envelope) == await late.send(envelope) == "ERROR txBAD_SEQ"


async def test_what_a_lagging_node_holds_does_not_keep_the_next_payment_out(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    late = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    sandbox.close_ledger(4)
    box_lags(sandbox, 3)
    first, second = (
        wallet.build_payment(CHANNEL, 1, fee=9_000),
        wallet.build_payment(CHANNEL, 2, fee=100),
    )
    await wallet.send(first)
    sandbox.close_ledger()
    assert await late.send(first) == await wallet.send(second) == "PENDING"

    sandbox.close_ledger()
    assert await wallet.read_status(second) == "SUCCESS"
    assert sandbox.read_balance(SHOP.public_key) == 2 * 25_000_000
