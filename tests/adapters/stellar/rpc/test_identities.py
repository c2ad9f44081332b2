"""No money moves on another network than the journal's."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from domain.errors import ChainMismatch, ChainUnavailable
from domain.networks import NetworkState
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PASSPHRASE
from tests.adapters.stellar.conftest import (
    build_nodes,
    build_sandbox,
    plan_faults,
)


async def test_every_node_must_serve_the_network_we_sign_for(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    with pytest.raises(ChainMismatch, match=r"node 1 serves 'Standalone .* not 'Another network'"):
        await NetworkMonitor(nodes, "Another network").establish(None)


async def test_nodes_of_different_protocols_are_refused(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    plan_faults(sandbox, {"kind": "protocol_upgrade", "node": 2, "value": 28})
    with pytest.raises(ChainMismatch, match="node 3: 28"):
        await NetworkMonitor(nodes, PASSPHRASE).establish(None)


async def test_unreachable_nodes_are_waited_for_and_one_that_answers_is_enough(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    identity = NetworkMonitor(nodes, PASSPHRASE)
    plan_faults(sandbox, {"kind": "node_down"})
    with pytest.raises(ChainUnavailable):
        await identity.establish(None)
    plan_faults(sandbox, {"kind": "node_down", "node": 0})
    standing = await identity.establish(None)
    assert (standing.ledger, standing.protocol_version) == (
        sandbox.network.ledger.last_closed.sequence,
        27,
    )
    # Nobody knows yet which network it serves.
    assert nodes.all[0] not in nodes.usable
    plan_faults(sandbox)
    await identity.recheck()
    assert len(nodes.usable) == 3


async def test_a_network_that_was_reset_is_refused(sandbox: StellarSandbox, nodes: Nodes) -> None:
    sandbox.close_ledger(50)
    known = await NetworkMonitor(nodes, PASSPHRASE).establish(None)
    reset = build_sandbox()
    reset.clock.now = sandbox.clock.now + 60
    reset.close_ledger(3)
    with pytest.raises(ChainMismatch, match="was reset: ledger"):
        await NetworkMonitor(build_nodes(reset), PASSPHRASE).establish(known)
    reset.network.close()


async def test_lagging_nodes_are_the_same_network(sandbox: StellarSandbox, nodes: Nodes) -> None:
    sandbox.close_ledger(20)
    known = await NetworkMonitor(nodes, PASSPHRASE).establish(None)
    again = build_nodes(sandbox)
    plan_faults(sandbox, {"kind": "lagging_node", "value": 10})
    assert await NetworkMonitor(again, PASSPHRASE).establish(known) == known
    assert again.highest == known.ledger


async def test_a_protocol_upgrade_is_an_alarm_and_is_stored(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    identity = NetworkMonitor(nodes, PASSPHRASE)
    await identity.establish(None)
    # One node upgrades first: it is excluded until the others have followed.
    plan_faults(sandbox, {"kind": "protocol_upgrade", "node": 0, "value": 28})
    await identity.recheck()
    assert nodes.all[0].excluded_reason == "serves protocol 28, others 27"
    plan_faults(sandbox, {"kind": "protocol_upgrade", "value": 28})
    with caplog.at_level(logging.ERROR):
        standing = await identity.recheck()
    assert standing is not None
    assert standing.protocol_version == 28
    assert "the network went from protocol 27 to 28" in caplog.text
    assert len(nodes.usable) == 3


async def test_another_protocol_than_the_stored_one_is_reported_at_start(
    sandbox: StellarSandbox, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    known = NetworkState(PASSPHRASE, 26, 1, datetime(2026, 1, 1, tzinfo=UTC))
    with caplog.at_level(logging.ERROR):
        found = await NetworkMonitor(nodes, PASSPHRASE).establish(known)
    assert "the network went from protocol 26 to 27" in caplog.text
    assert found == replace(found, protocol_version=27)


async def test_unreachable_nodes_leave_the_stored_state_unchanged(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    identity = NetworkMonitor(nodes, PASSPHRASE)
    standing = await identity.establish(None)
    plan_faults(sandbox, {"kind": "node_down"})
    assert await identity.recheck() is None
    assert identity.known == standing
    assert all(isinstance(node, RpcNode) and not node.excluded_reason for node in nodes.all)
