"""An account that the validators froze is neither paid nor paying, and everybody else goes on."""

from __future__ import annotations

import pytest
from stellar_sdk import Claimant
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault, InvalidFaultPlan
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import BARE, CHANNELS, FARM, FEES, PAYER, SHOP, STRANGER, USDC
from stellar_sandbox.testing.wallet import Wallet, bump, sign

FROZEN = "ERROR txFROZEN_KEY_ACCESSED"


def freeze(sandbox: StellarSandbox, address: str, node: int | None = None) -> None:
    start_fault_plan(sandbox.network, [Fault("frozen_key", node=node, address=address)], 0)


async def test_a_frozen_payee_is_not_paid_and_others_are(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    freeze(sandbox, SHOP.public_key)
    blocked = wallet.build_payment(CHANNELS[0], 1, (SHOP, "1"))
    other = wallet.build_payment(CHANNELS[1], 1, (FARM, "1"))

    assert await wallet.send(blocked) == FROZEN
    assert (
        await wallet.send(wallet.build_payment(CHANNELS[0], 1, (FARM, "1"), (SHOP, "1"))) == FROZEN
    )
    assert await wallet.send(await wallet.build_transfer(CHANNELS[0], 1)) == FROZEN
    assert await wallet.send(other) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(blocked) == "NOT_FOUND"
    assert await wallet.read_status(other) == "SUCCESS"
    assert sandbox.read_balance(SHOP.public_key) == 0
    assert sandbox.network.faults.counts == {"frozen_key": 3}

    start_fault_plan(sandbox.network, [], 0)
    assert await wallet.send(blocked) == "PENDING"
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 10_000_000


async def test_what_waited_when_the_payee_was_frozen_enters_no_ledger(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = wallet.build_payment(CHANNELS[0], 1)
    await wallet.send(envelope)
    freeze(sandbox, SHOP.public_key)

    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "NOT_FOUND"
    assert await wallet.send(envelope) == "TRY_AGAIN_LATER"
    channel = sandbox.read_account(CHANNELS[0].public_key)
    assert channel is not None
    assert channel.sequence == 0


@pytest.mark.parametrize("frozen", [PAYER, CHANNELS[0], FEES])
async def test_nobody_frozen_pays_acts_or_bumps(
    wallet: Wallet, sandbox: StellarSandbox, frozen: object
) -> None:
    freeze(sandbox, frozen.public_key)  # type: ignore[attr-defined]
    outer = bump(wallet.build_payment(CHANNELS[0], 1), 5_000)

    answer = await wallet.send(outer)
    assert answer in (FROZEN, "ERROR txFEE_BUMP_INNER_FAILED")
    assert sandbox.network.faults.counts == {"frozen_key": 1}


async def test_one_node_that_filters_says_something_nobody_understands(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    freeze(sandbox, SHOP.public_key, node=1)
    filtering = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    envelope = wallet.build_payment(CHANNELS[0], 1)

    with pytest.raises(SorobanRpcErrorResponse, match="invalid status from stellar-core") as error:
        await filtering.send(envelope)
    assert error.value.code == -32603
    assert await filtering.send(wallet.build_payment(CHANNELS[1], 1, (FARM, "1"))) == "PENDING"
    assert await wallet.send(envelope) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "SUCCESS"
    assert sandbox.network.faults.counts == {"frozen_key": 1}


async def test_a_balance_may_be_laid_aside_for_somebody_frozen(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    freeze(sandbox, BARE.public_key)
    builder = wallet.start_transaction(CHANNELS[0], 1)
    builder.append_create_claimable_balance_op(
        USDC, "1", [Claimant(BARE.public_key)], PAYER.public_key
    )
    assert await wallet.send(sign(builder.build(), CHANNELS[0], PAYER)) == "PENDING"


def test_only_who_exists_can_be_frozen(sandbox: StellarSandbox) -> None:
    with pytest.raises(InvalidFaultPlan, match="There is no account"):
        freeze(sandbox, STRANGER.public_key)
