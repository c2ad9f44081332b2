"""Channel accounts are created once, however often and however badly the command is run."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from stellar_sdk.soroban_rpc import SendTransactionResponse

from adapters.stellar.accounts import channels
from adapters.stellar.accounts.channels import AT_ONCE_MAX, ChannelAccounts
from adapters.stellar.finality.quorum import Quorum, Snapshot
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.keys import derive_channel_keypairs
from domain.errors import Obstructed
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PASSPHRASE
from tests.adapters.stellar.conftest import CHANNELS, FEES, KEYS, MASTER, OPERATOR, plan_faults

FIFTY = {pair.public_key: pair for pair in derive_channel_keypairs(MASTER.secret, 50)}
NEW = [address for address in FIFTY if address not in CHANNELS]
CAP = 50_000_000


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "LOOK_EVERY_SECONDS", 0.01)


@pytest.fixture
def accounts(nodes: Nodes) -> ChannelAccounts:
    return ChannelAccounts(nodes, PASSPHRASE, replace(KEYS, channels=FIFTY), CAP)


@asynccontextmanager
async def close_ledgers(sandbox: StellarSandbox) -> AsyncIterator[None]:
    """Ledgers close while the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.03)
            sandbox.close_ledger()

    task = asyncio.create_task(beat())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def create(accounts: ChannelAccounts) -> list[str]:
    return [address async for some in accounts.create() for address in some]


async def test_missing_accounts_are_created_and_sponsored(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    operator_before = sandbox.read_account(OPERATOR.public_key)
    fees_before = sandbox.read_account(FEES.public_key)
    async with close_ledgers(sandbox):
        assert sorted(await create(accounts)) == sorted(NEW)
        assert await create(accounts) == []
    standings = await accounts.read_states(list(FIFTY))
    assert len(standings) == 50
    assert all(standings[each].sponsored for each in NEW)
    assert {standings[each].balance_stroops for each in NEW} == {0}
    operator, fees = (
        sandbox.read_account(OPERATOR.public_key),
        sandbox.read_account(FEES.public_key),
    )
    assert operator is not None
    assert operator_before is not None
    assert (operator.balance, operator.num_sponsoring) == (operator_before.balance, 2 * len(NEW))
    # As few transactions as there is room for signatures, all paid by the fee account.
    assert operator.sequence - operator_before.sequence == -(-len(NEW) // AT_ONCE_MAX)
    assert fees is not None
    assert fees_before is not None
    assert fees.balance < fees_before.balance


async def test_an_interrupted_run_is_resumed(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    async with close_ledgers(sandbox):
        first = await anext(accounts.create())
        assert len(first) == AT_ONCE_MAX
        rest = await create(accounts)
    assert sorted([*first, *rest]) == sorted(NEW)


async def test_two_runs_at_once_create_each_account_once(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    async with close_ledgers(sandbox):
        await asyncio.gather(create(accounts), create(accounts))
    operator = sandbox.read_account(OPERATOR.public_key)
    assert operator is not None
    assert operator.num_sponsoring == 2 * len(NEW)


async def test_creation_continues_while_answers_are_lost(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    kinds = ("reset_after", "bad_gateway", "internal_error", "dropped_transaction")
    plan_faults(
        sandbox, *({"kind": kind, "method": "sendTransaction", "rate": 0.3} for kind in kinds)
    )
    async with close_ledgers(sandbox):
        assert sorted(await create(accounts)) == sorted(NEW)
    operator = sandbox.read_account(OPERATOR.public_key)
    assert operator is not None
    assert operator.num_sponsoring == 2 * len(NEW)


async def test_accepted_bytes_are_sent_again_after_some_ledgers(
    sandbox: StellarSandbox, accounts: ChannelAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    looks: list[int] = []
    send, snapshot = Nodes.send, Quorum.read_snapshot

    async def counting(self: Nodes, envelope_xdr: str) -> SendTransactionResponse:
        sent.append(sandbox.network.ledger.last_closed.sequence)
        return await send(self, envelope_xdr)

    async def looking(self: Quorum, asked: Sequence[str]) -> Snapshot:
        looks.append(sandbox.network.ledger.last_closed.sequence)
        if len(looks) % 10 == 0:
            sandbox.close_ledger()
        return await snapshot(self, asked)

    monkeypatch.setattr(Nodes, "send", counting)
    monkeypatch.setattr(Quorum, "read_snapshot", looking)
    plan_faults(sandbox, {"kind": "dropped_transaction", "method": "sendTransaction", "times": 2})
    assert len(await anext(accounts.create())) == AT_ONCE_MAX
    assert [ledger - sent[0] for ledger in sent] == [0, 5, 10]
    # What failed on its way is sent again at once, and what was not taken with the next ledger.
    sent.clear()
    plan_faults(sandbox, {"kind": "bad_gateway", "method": "sendTransaction", "times": 2})
    assert len(await anext(accounts.create())) == AT_ONCE_MAX
    assert [ledger - sent[0] for ledger in sent] == [0, 0, 0]
    sent.clear()
    plan_faults(sandbox, {"kind": "banned_hash", "method": "sendTransaction", "times": 2})
    assert len(await anext(accounts.create())) == len(NEW) - 2 * AT_ONCE_MAX
    assert len(sent) > 2
    assert [ledger - sent[0] for ledger in sent] == list(range(len(sent)))


async def test_an_operator_that_cannot_pay_the_reserves_is_refused(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    operator = sandbox.read_account(OPERATOR.public_key)
    assert operator is not None
    sandbox.network.change_entries([replace(operator, balance=5 * 10_000_000)], [])
    async with close_ledgers(sandbox):
        with pytest.raises(Obstructed, match="the operator is short of XLM for the reserves"):
            await create(accounts)


async def test_a_fee_account_that_cannot_pay_is_refused(
    sandbox: StellarSandbox, accounts: ChannelAccounts
) -> None:
    fees = sandbox.read_account(FEES.public_key)
    assert fees is not None
    sandbox.network.change_entries([replace(fees, balance=1)], [])
    async with close_ledgers(sandbox):
        with pytest.raises(Obstructed, match="the fee account is short of XLM"):
            await create(accounts)
