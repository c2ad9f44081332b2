"""Ledgers are watched through one node, and through another when that one fails: none is missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import GetTransactionsResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rpc import poll_intervals, transaction_watcher
from adapters.stellar.rpc.nodes import Nodes, RpcNode, get_ledger_range
from adapters.stellar.rpc.transaction_watcher import TransactionWatcher
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.wallet import Wallet
from tests.adapters.stellar.conftest import CHANNELS, plan_faults
from tests.testkit.api_client import wait_until

PAIRS = list(CHANNELS.values())


@pytest.fixture
async def watch(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TransactionWatcher]:
    monkeypatch.setattr(poll_intervals, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(transaction_watcher, "LOOK_AGAIN_SECONDS", 0.02)
    made = TransactionWatcher(nodes)
    yield made
    await made.close()


async def find_followed_node(watch: TransactionWatcher) -> int:
    """The number of the node that the watch follows, once it reads from one."""

    async def look() -> bool:
        return watch.cursor is not None or watch.shown > 0

    await wait_until(look, "the watch reads from a node")
    assert watch.node is not None
    return watch.nodes.all.index(watch.node)


@pytest.mark.parametrize("kind", ["node_down", "bad_gateway", "garbage", "lagging_node"])
async def test_the_watch_moves_to_another_node_and_misses_no_ledger(
    sandbox: StellarSandbox, watch: TransactionWatcher, wallet: Wallet, kind: str
) -> None:
    sandbox.close_ledger(10)
    envelopes = [wallet.build_payment(pair, 1) for pair in PAIRS]
    with ExitStack() as stack:
        landings = [
            stack.enter_context(watch.expect(envelope.hash_hex(), 1)) for envelope in envelopes
        ]
        place = await find_followed_node(watch)
        await watch.nodes.all[place - 1].server.send_transaction(envelopes[0])
        sandbox.close_ledger()
        assert (await asyncio.wait_for(landings[0], 5)).succeeded
        # It fails in the very ledgers that include the other payments.
        plan_faults(sandbox, {"kind": kind, "node": place, "value": 8})
        for envelope in envelopes[1:]:
            await watch.nodes.all[place - 1].server.send_transaction(envelope)
            sandbox.close_ledger()
        sandbox.close_ledger(5)
        # What another node was seen to know is what a lagging one is measured by.
        await watch.nodes.ask_node(watch.nodes.all[place - 1], get_ledger_range)
        for landing in landings[1:]:
            assert (await asyncio.wait_for(landing, 5)).succeeded
        assert await find_followed_node(watch) != place


async def test_a_ledger_costs_one_page_whatever_the_number_of_payments(
    sandbox: StellarSandbox,
    watch: TransactionWatcher,
    wallet: Wallet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The calls of a watch at rest do not depend on how many wait."""
    asked = 0
    page = TransactionWatcher._read_page

    async def counting(self: TransactionWatcher, node: RpcNode) -> GetTransactionsResponse:
        nonlocal asked
        asked += 1
        return await page(self, node)

    monkeypatch.setattr(TransactionWatcher, "_read_page", counting)
    monkeypatch.setattr(poll_intervals, "LOOK_EVERY_SECONDS", 0.1)
    envelopes = [wallet.build_payment(pair, 1) for pair in PAIRS]
    with ExitStack() as stack:
        landings = [
            stack.enter_context(watch.expect(envelope.hash_hex(), 1)) for envelope in envelopes
        ]
        for envelope in envelopes:
            await wallet.send(envelope)
        sandbox.close_ledger()
        await asyncio.wait_for(asyncio.gather(*landings), 5)
    assert asked <= 3


async def test_excluded_nodes_are_not_followed_until_one_is_readmitted(
    sandbox: StellarSandbox, watch: TransactionWatcher, wallet: Wallet
) -> None:
    for node in watch.nodes.all:
        node.excluded_reason = "it serves another network"
    envelope = wallet.build_payment(PAIRS[0], 1)
    with watch.expect(envelope.hash_hex(), 1) as seen:
        await wallet.send(envelope)
        sandbox.close_ledger()
        await asyncio.sleep(0.1)
        assert watch.node is None
        watch.nodes.all[1].excluded_reason = ""
        assert (await asyncio.wait_for(seen, 5)).succeeded
        assert await find_followed_node(watch) == 1


async def test_a_node_that_refuses_a_request_is_asked_less_often(
    watch: TransactionWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def refusing(self: TransactionWatcher, node: RpcNode) -> GetTransactionsResponse:
        nonlocal asked
        asked += 1
        raise SorobanRpcErrorResponse(-32600, "start ledger must be within the range")

    monkeypatch.setattr(TransactionWatcher, "_read_page", refusing)
    monkeypatch.setattr(transaction_watcher, "LOOK_AGAIN_SECONDS", 0.1)
    # Another node is known to be further on.
    watch.node = watch.nodes.all[0]
    watch.nodes.all[1].ledger = 9
    with watch.expect("00" * 32, 1):
        await asyncio.sleep(0.25)
    assert asked <= 4


async def test_a_cursor_that_goes_back_or_is_missing_is_refused(
    sandbox: StellarSandbox,
    watch: TransactionWatcher,
    wallet: Wallet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node without newer ledgers repeats its last ledger, and past that returns a cursor of 0."""
    asked, get_transactions = list[str | None](), SorobanServerAsync.get_transactions

    async def rewound(
        self: SorobanServerAsync,
        start_ledger: int | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> GetTransactionsResponse:
        asked.append(cursor)
        if cursor == "0":
            raise SorobanRpcErrorResponse(-32602, "invalid cursor")
        found = await get_transactions(self, start_ledger, cursor, limit)
        if found.transactions and len(asked) % 2 == 0:
            return found
        latest = found.transactions[-1].ledger << 32 if found.transactions else 0
        return found.model_copy(update={"cursor": str(latest)})

    monkeypatch.setattr(SorobanServerAsync, "get_transactions", rewound)
    with ExitStack() as stack:
        for pair in PAIRS:
            envelope = wallet.build_payment(pair, 1)
            seen = stack.enter_context(watch.expect(envelope.hash_hex(), 1))
            await wallet.send(envelope)
            sandbox.close_ledger()
            assert (await asyncio.wait_for(seen, 5)).succeeded
            await asyncio.sleep(0.1)
    taken = [int(cursor) for cursor in asked if cursor is not None]
    assert 0 not in taken
    assert taken == sorted(taken)
    # It never had to begin anew.
    assert None not in asked[asked.index(str(taken[0])) :]
