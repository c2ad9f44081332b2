"""A node that moves to another network, or back in time, is left out and stores nothing."""

import logging
from types import SimpleNamespace
from typing import cast

import pytest
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import Nodes, get_ledger_range
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PASSPHRASE
from tests.adapters.stellar.conftest import (
    CHANNELS,
    build_nodes,
    build_rail,
    build_sandbox,
)


async def test_a_node_whose_ledgers_went_backwards_is_left_out(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.close_ledger(50)
    identity = NetworkMonitor(nodes, PASSPHRASE)
    await identity.establish(None)
    reset = build_sandbox()
    reset.clock.now = sandbox.clock.now + 60
    reset.close_ledger(3)
    nodes.all[1].server = build_nodes(reset).all[1].server
    with caplog.at_level(logging.ERROR):
        await identity.recheck()
    assert nodes.all[1] not in nodes.usable
    assert "ALARM: node 2 is excluded" in caplog.text
    reset.network.close()


async def test_a_node_moved_to_another_network_leaves_no_ledger_number(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    """It is far ahead, and asked for ledgers before its network is checked."""
    sandbox.close_ledger(5)
    rail = build_rail(sandbox, nodes)
    await rail.identity.establish(None)
    moved = build_sandbox("Another network")
    moved.close_ledger(200)
    nodes.all[2].server = build_nodes(moved).all[2].server
    await nodes.ask_node(nodes.all[2], get_ledger_range)
    standing = await rail.identity.recheck()
    assert [node.excluded_reason[:6] for node in nodes.all] == ["", "", "serves"]
    assert [node.lag for node in nodes.all[:2]] == [0, 0]
    assert set((await rail.read_channels()).sequences) == set(CHANNELS)
    assert standing is not None
    assert standing.ledger == nodes.highest == sandbox.network.ledger.last_closed.sequence
    # Answers in flight when it was excluded, and those of later checks.
    await nodes.ask_node(nodes.all[2], get_ledger_range)
    await rail.identity.recheck()
    assert set((await rail.read_channels()).sequences) == set(CHANNELS)
    await rail.close()
    moved.network.close()


async def test_a_node_moved_during_a_request_stores_nothing(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    """Its ledger is believed only if it serves our network after it has named the ledger."""
    identity = NetworkMonitor(nodes, PASSPHRASE)
    await identity.establish(None)
    moved = build_sandbox("Another network")
    moved.close_ledger(200)
    ours, theirs = nodes.all[2].server, build_nodes(moved).all[2].server
    moving = SimpleNamespace(get_network=ours.get_network)

    async def get_transaction(hash_: str) -> object:
        moving.get_network = theirs.get_network
        return await theirs.get_transaction(hash_)

    moving.get_transaction = get_transaction
    nodes.all[2].server = cast(SorobanServerAsync, moving)
    standing = await identity.recheck()
    assert standing is not None
    assert standing.ledger == nodes.highest == sandbox.network.ledger.last_closed.sequence
    moved.network.close()
