"""The claim on the chain replaces exactly what was read with it, or nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.stellar.accounts.claims import LEDGERS_TO_LAND, ClaimAccount
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.fee_bumps import FEE_CAP_STROOPS
from domain.errors import ChainUnavailable
from domain.settlement.channels import Claim, ClaimKind
from stellar_sandbox.client import StellarSandbox
from tests.adapters.stellar.conftest import KEYS, build_nodes, plan_faults

ONE, TWO = Claim(bytes([1] * 32)), Claim(bytes([2] * 32), ClaimKind.OBJECTION)


def make_account(sandbox: StellarSandbox, nodes: Nodes) -> ClaimAccount:
    return ClaimAccount(nodes, sandbox.network.passphrase, KEYS, FEE_CAP_STROOPS, 0.01)


@pytest.fixture
def account(sandbox: StellarSandbox, nodes: Nodes) -> ClaimAccount:
    return make_account(sandbox, nodes)


@pytest.fixture
async def closing(sandbox: StellarSandbox) -> AsyncIterator[None]:
    """Ledgers close while the test runs."""

    async def close() -> None:
        while True:
            await asyncio.sleep(0.1)
            sandbox.close_ledger()

    task = asyncio.create_task(close())
    yield
    task.cancel()


async def test_it_stands_as_it_was_written(account: ClaimAccount, closing: None) -> None:
    before = await account.read()
    assert before.claim is None
    after = await account.write(ONE, before, 0)
    assert (after.claim, after.sequence) == (ONE, before.sequence + 1)
    assert before.ledger < after.since_ledger <= after.ledger
    assert (await account.write(TWO, after, 0)).claim == TWO


async def test_of_two_that_saw_the_same_one_is_applied(
    account: ClaimAccount, sandbox: StellarSandbox, closing: None
) -> None:
    other = make_account(sandbox, build_nodes(sandbox))
    before = await account.read()
    first, second = await asyncio.gather(account.write(ONE, before, 0), other.write(TWO, before, 0))
    assert first.claim == second.claim
    assert first.claim in (ONE, TWO)
    assert first.sequence == second.sequence == before.sequence + 1


async def test_one_that_no_ledger_takes_is_given_up(
    account: ClaimAccount, sandbox: StellarSandbox, closing: None
) -> None:
    plan_faults(sandbox, {"kind": "dropped_transaction"})
    before = await account.read()
    after = await account.write(ONE, before, 0)
    assert (after.claim, after.sequence) == (None, before.sequence)
    assert after.ledger >= before.ledger + LEDGERS_TO_LAND - 1


async def test_nodes_that_do_not_answer_are_no_claim(
    account: ClaimAccount, sandbox: StellarSandbox
) -> None:
    plan_faults(sandbox, {"kind": "node_down"})
    with pytest.raises(ChainUnavailable):
        await account.read()


async def test_an_account_that_does_not_exist_is_said(
    account: ClaimAccount, sandbox: StellarSandbox
) -> None:
    sandbox.network.change_entries([], [("account", account.address)])
    with pytest.raises(ChainUnavailable, match=f"the fee account {account.address} does not exist"):
        await account.read()
