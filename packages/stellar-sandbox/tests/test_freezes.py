"""An account that the validators froze is neither paid nor paying, and everybody else goes on."""

from __future__ import annotations

import pytest
from stellar_sdk import Claimant
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import Box
from stellar_sandbox.faults.fault_plan import BadPlan, Fault
from stellar_sandbox.network.fault_activation import start_plan
from stellar_sandbox.testing.accounts import BARE, CHANNELS, FARM, FEES, PAYER, SHOP, STRANGER, USDC
from stellar_sandbox.testing.wallet import Desk, bump, sign

FROZEN = "ERROR txFROZEN_KEY_ACCESSED"


def freeze(box: Box, address: str, node: int | None = None) -> None:
    start_plan(box.network, [Fault("frozen_key", node=node, address=address)], 0)


async def test_a_frozen_payee_is_not_paid_and_others_are(desk: Desk, box: Box) -> None:
    freeze(box, SHOP.public_key)
    held_up = desk.payment(CHANNELS[0], 1, (SHOP, "1"))
    other = desk.payment(CHANNELS[1], 1, (FARM, "1"))

    assert await desk.send(held_up) == FROZEN
    assert await desk.send(desk.payment(CHANNELS[0], 1, (FARM, "1"), (SHOP, "1"))) == FROZEN
    assert await desk.send(await desk.transfer(CHANNELS[0], 1)) == FROZEN
    assert await desk.send(other) == "PENDING"
    box.close_ledger()
    assert await desk.outcome(held_up) == "NOT_FOUND"
    assert await desk.outcome(other) == "SUCCESS"
    assert box.balance(SHOP.public_key) == 0
    assert box.network.faults.counts == {"frozen_key": 3}

    start_plan(box.network, [], 0)
    assert await desk.send(held_up) == "PENDING"
    box.close_ledger()
    assert box.balance(SHOP.public_key) == 10_000_000


async def test_what_waited_when_the_payee_was_frozen_enters_no_ledger(desk: Desk, box: Box) -> None:
    envelope = desk.payment(CHANNELS[0], 1)
    await desk.send(envelope)
    freeze(box, SHOP.public_key)

    box.close_ledger()
    assert await desk.outcome(envelope) == "NOT_FOUND"
    assert await desk.send(envelope) == "TRY_AGAIN_LATER"
    channel = box.account(CHANNELS[0].public_key)
    assert channel is not None
    assert channel.sequence == 0


@pytest.mark.parametrize("frozen", [PAYER, CHANNELS[0], FEES])
async def test_nobody_frozen_pays_acts_or_bumps(desk: Desk, box: Box, frozen: object) -> None:
    freeze(box, frozen.public_key)  # type: ignore[attr-defined]
    outer = bump(desk.payment(CHANNELS[0], 1), 5_000)

    answer = await desk.send(outer)
    assert answer in (FROZEN, "ERROR txFEE_BUMP_INNER_FAILED")
    assert box.network.faults.counts == {"frozen_key": 1}


async def test_one_node_that_filters_says_something_nobody_understands(
    desk: Desk, box: Box
) -> None:
    freeze(box, SHOP.public_key, node=1)
    filtering = Desk(SorobanServerAsync("http://in-process", box.client(1)))
    envelope = desk.payment(CHANNELS[0], 1)

    with pytest.raises(SorobanRpcErrorResponse, match="invalid status from stellar-core") as told:
        await filtering.send(envelope)
    assert told.value.code == -32603
    assert await filtering.send(desk.payment(CHANNELS[1], 1, (FARM, "1"))) == "PENDING"
    assert await desk.send(envelope) == "PENDING"
    box.close_ledger()
    assert await desk.outcome(envelope) == "SUCCESS"
    assert box.network.faults.counts == {"frozen_key": 1}


async def test_a_balance_may_be_laid_aside_for_somebody_frozen(desk: Desk, box: Box) -> None:
    freeze(box, BARE.public_key)
    builder = desk.builder(CHANNELS[0], 1)
    builder.append_create_claimable_balance_op(
        USDC, "1", [Claimant(BARE.public_key)], PAYER.public_key
    )
    assert await desk.send(sign(builder.build(), CHANNELS[0], PAYER)) == "PENDING"


def test_only_who_exists_can_be_frozen(box: Box) -> None:
    with pytest.raises(BadPlan, match="There is no account"):
        freeze(box, STRANGER.public_key)
