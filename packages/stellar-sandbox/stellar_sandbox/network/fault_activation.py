"""Starting a fault plan: how each fault of the network's state begins and ends."""

from __future__ import annotations

from collections.abc import Callable

from stellar_sandbox.faults.fault_plan import (
    COUNTED_PER_TRANSACTION,
    STATE_KINDS,
    Fault,
    InvalidFaultPlan,
)
from stellar_sandbox.ledger import fees
from stellar_sandbox.ledger.ledger_header import PROTOCOL_VERSION
from stellar_sandbox.network.network import Network, Node


def start_fault_plan(network: Network, faults: list[Fault], seed: int) -> None:
    """End the faults of the running plan and begin those of the new one."""
    for fault in faults:
        if fault.node is not None and not 0 <= fault.node < len(network.nodes):
            raise InvalidFaultPlan(f"There is no node {fault.node}.")
        _check_address(network, fault)
    for fault in network.faults.faults:
        if fault.kind in STATE_KINDS:
            _end(network, fault)
    network.faults.replace(faults, seed)
    for fault in faults:
        if fault.kind in STATE_KINDS:
            _begin(network, fault)
            if fault.kind not in COUNTED_PER_TRANSACTION:
                network.faults.counts[fault.kind] += 1


def _begin(network: Network, fault: Fault) -> None:
    value = fault.value or 0
    match fault.kind:
        case "lagging_node":
            _set_lag(network, fault, value)
        case "lagging_history":
            for node in _select_nodes(network, fault):
                node.history_lag = value
        case "surge_fee":
            network.ledger.surge_pricing.min_fee_rate = max(value, fees.BASE_FEE)
        case "short_retention":
            for node in _select_nodes(network, fault):
                node.history_start = network.ledger.last_closed.sequence - value
        case "network_halt":
            network.halted = True
        case "ledger_clock_offset":
            network.clock_offset = value
        case "protocol_upgrade" if fault.node is not None:
            network.nodes[fault.node].claimed_protocol = value
        case "protocol_upgrade":
            network.ledger.protocol = value
        case "frozen_key":
            _freeze(network, fault, lambda frozen, address: frozen | {address})
        case "frozen_trustline" | "removed_trustline":
            network.begin_ledger_fault(fault.kind, fault.address or "")


def _end(network: Network, fault: Fault) -> None:
    match fault.kind:
        case "lagging_node":
            _set_lag(network, fault, 0)
        case "lagging_history":
            for node in _select_nodes(network, fault):
                node.history_lag = 0
        case "surge_fee":
            network.ledger.surge_pricing.min_fee_rate = fees.BASE_FEE
        case "short_retention":
            for node in _select_nodes(network, fault):
                node.history_start = 0
        case "network_halt":
            network.halted = False
        case "ledger_clock_offset":
            network.clock_offset = 0
        case "protocol_upgrade" if fault.node is not None:
            network.nodes[fault.node].claimed_protocol = 0
        case "protocol_upgrade":
            network.ledger.protocol = PROTOCOL_VERSION
        case "frozen_key":
            _freeze(network, fault, lambda frozen, address: frozen - {address})
        case "frozen_trustline" | "removed_trustline":
            network.end_ledger_fault(fault.kind, fault.address or "")


def _check_address(network: Network, fault: Fault) -> None:
    if fault.address is None:
        return
    root, asset = network.ledger.root, network.settings.genesis.asset
    if fault.kind in ("frozen_key", "high_sequence"):
        if root.load_account(fault.address) is None:
            raise InvalidFaultPlan(f"There is no account {fault.address}.")
    elif root.load_trustline(fault.address, asset) is None:
        raise InvalidFaultPlan(f"{fault.address} has no trustline.")


def _select_nodes(network: Network, fault: Fault) -> list[Node]:
    return network.nodes if fault.node is None else [network.nodes[fault.node]]


def _set_lag(network: Network, fault: Fault, ledgers: int) -> None:
    for node in _select_nodes(network, fault):
        node.lag = ledgers
        node.catch_up()


def _freeze(
    network: Network, fault: Fault, change: Callable[[frozenset[str], str], frozenset[str]]
) -> None:
    """Freeze for the whole network (CAP-77), or filter at one node alone."""
    address = fault.address or ""
    if fault.node is None:
        network.ledger.frozen = change(network.ledger.frozen, address)
    else:
        node = network.nodes[fault.node]
        node.filtered = change(node.filtered, address)
