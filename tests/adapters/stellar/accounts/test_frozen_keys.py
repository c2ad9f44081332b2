"""Keys that the validators froze are known before anything is signed for them."""

import asyncio
import logging

import pytest
from stellar_sdk import Keypair

from adapters.stellar.accounts import frozen_keys
from adapters.stellar.accounts.frozen_keys import FRESH_LEDGERS, FrozenKeys
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from domain.errors import Obstructed
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import SettlementRail
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PAYER, SHOP
from tests.adapters.stellar.codes.test_results import ADDRESS, make_transfer, sign
from tests.adapters.stellar.conftest import CHANNELS, FEES, build_rail, plan_faults
from tests.testkit.reasons import make_reason

EVERYBODY = [PAYER.public_key, SHOP.public_key, FEES.public_key, *CHANNELS]


def close_ledgers(sandbox: StellarSandbox, ledgers: int = FRESH_LEDGERS + 1) -> None:
    for _ in range(ledgers):
        sandbox.close_ledger()


@pytest.mark.parametrize("frozen", [SHOP.public_key, PAYER.public_key, FEES.public_key, ADDRESS])
@pytest.mark.parametrize("together", [False, True])
async def test_no_transfer_touching_a_frozen_key_is_signed(
    sandbox: StellarSandbox,
    nodes: Nodes,
    caplog: pytest.LogCaptureFixture,
    frozen: str,
    together: bool,
) -> None:
    rail = build_rail(sandbox, nodes)
    plan_faults(sandbox, {"kind": "frozen_key", "address": frozen})
    sentence = f"the network's validators have frozen {frozen}"
    with pytest.raises(Obstructed, match=sentence), caplog.at_level(logging.ERROR):
        await sign(rail, classic=together)
    # A frozen key of our own is an alarm; the payee has to resolve a frozen payee.
    assert (f"ALARM: {sentence}, which is ours" in caplog.text) == (frozen != SHOP.public_key)

    plan_faults(sandbox)
    close_ledgers(sandbox)
    await rail.get_latest_ledger()
    await sign(rail, classic=together)


async def test_a_no_op_transaction_touches_no_payee(sandbox: StellarSandbox, nodes: Nodes) -> None:
    rail = build_rail(sandbox, nodes)
    plan_faults(sandbox, {"kind": "frozen_key", "address": SHOP.public_key})
    assert (await rail.sign_noop(ADDRESS, 1, 0, make_reason("frozen"))).noop_reason == "frozen"
    plan_faults(sandbox, {"kind": "frozen_key", "address": ADDRESS})
    close_ledgers(sandbox)
    await rail.get_latest_ledger()
    with pytest.raises(Obstructed, match=f"have frozen {ADDRESS}"):
        await rail.sign_noop(ADDRESS, 1, 0, make_reason("frozen"))


async def test_the_frozen_members_of_a_batch_are_named(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    rail, other = build_rail(sandbox, nodes), Keypair.random().public_key
    plan_faults(sandbox, {"kind": "frozen_key", "address": SHOP.public_key})
    transfers = [
        make_transfer(number=7),
        make_transfer(other, number=8),
        make_transfer(PAYER.public_key, number=9),
    ]
    frozen = f"the network's validators have frozen {SHOP.public_key}"
    assert await rail.find_obstacles(transfers) == {
        7: Reason(ReasonCode.ACCOUNT_FROZEN, frozen),
        8: Reason(ReasonCode.PAYEE_MISSING, "the payee's account does not exist"),
    }


async def test_one_read_serves_the_payments_of_some_ledgers(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    asset = build_rail(sandbox, nodes).asset
    known = FrozenKeys(nodes, asset)
    assert await known.find_frozen(EVERYBODY) == []
    plan_faults(sandbox, {"kind": "frozen_key", "address": PAYER.public_key})
    asked = sandbox.network.calls.total()
    assert asked > 0
    assert await known.find_frozen(EVERYBODY) == []
    assert sandbox.network.calls.total() == asked
    close_ledgers(sandbox)
    await build_rail(sandbox, nodes).get_latest_ledger()
    assert await known.find_frozen(EVERYBODY) == [PAYER.public_key]


async def test_concurrent_payments_wait_for_one_read(sandbox: StellarSandbox, nodes: Nodes) -> None:
    known = FrozenKeys(nodes, build_rail(sandbox, nodes).asset)
    await known.find_frozen(EVERYBODY)
    close_ledgers(sandbox)
    await build_rail(sandbox, nodes).get_latest_ledger()
    before = sandbox.network.calls.total()
    await asyncio.gather(*(known.find_frozen(EVERYBODY) for _ in range(20)))
    assert sandbox.network.calls.total() == before + 1


async def test_a_refusal_is_never_served_from_the_cache(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    """With no other traffic, nothing would show that ledgers have closed since."""
    rail = build_rail(sandbox, nodes)
    plan_faults(sandbox, {"kind": "frozen_key", "address": SHOP.public_key})
    with pytest.raises(Obstructed):
        await sign(rail)
    plan_faults(sandbox)
    await sign(rail)


async def test_a_frozen_channel_is_not_reserved(sandbox: StellarSandbox, nodes: Nodes) -> None:
    rail = build_rail(sandbox, nodes)
    assert set(rail.channels) == set(CHANNELS)
    plan_faults(sandbox, {"kind": "frozen_key", "address": ADDRESS})
    with pytest.raises(Obstructed, match=ADDRESS):
        await sign(rail)
    assert set(rail.channels) == set(CHANNELS) - {ADDRESS}
    assert set((await rail.read_channels()).sequences) == set(CHANNELS)  # it is there all the same
    plan_faults(sandbox)
    await sign(rail)
    assert set(rail.channels) == set(CHANNELS)


async def test_the_last_known_keys_count_while_no_node_answers(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    known = FrozenKeys(nodes, build_rail(sandbox, nodes).asset)
    plan_faults(sandbox, {"kind": "frozen_key", "address": SHOP.public_key})
    assert await known.find_frozen(EVERYBODY) == [SHOP.public_key]
    close_ledgers(sandbox)
    await build_rail(sandbox, nodes).get_latest_ledger()
    plan_faults(sandbox, {"kind": "internal_error", "method": "getLedgerEntries"})
    assert await known.find_frozen(EVERYBODY) == [SHOP.public_key]
    plan_faults(sandbox)  # and is read again as soon as somebody needs it
    assert await known.find_frozen(EVERYBODY) == []


async def test_a_frozen_trustline_is_enough_to_refuse(
    sandbox: StellarSandbox, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox freezes an account with all its entries; validators may freeze a single entry."""
    rail = build_rail(sandbox, nodes)
    _, line = ledger_entries.make_keys([SHOP.public_key], rail.asset)
    await rail.sign([make_transfer()], SettlementRail.CLASSIC, ADDRESS, 1, 0)
    only = frozenset({line.to_xdr_bytes()})
    monkeypatch.setattr(frozen_keys, "_parse_keys", lambda _reply: only)
    close_ledgers(sandbox)
    await rail.get_latest_ledger()
    with pytest.raises(Obstructed, match=f"have frozen {SHOP.public_key}"):
        await rail.sign([make_transfer()], SettlementRail.CLASSIC, ADDRESS, 1, 0)
