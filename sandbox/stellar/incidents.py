"""Faults that change the world for a while: how each begins, and how it ends."""

from __future__ import annotations

from dataclasses import replace

from sandbox.stellar import fees
from sandbox.stellar.entries import AUTHORIZED, MAINTAIN_LIABILITIES, Trustline
from sandbox.stellar.faults import WORLD_KINDS, BadPlan, Fault
from sandbox.stellar.headers import PROTOCOL_VERSION
from sandbox.stellar.network import Network, Node


def start_plan(network: Network, faults: list[Fault], seed: int) -> None:
    """End every running incident and begin those of the new plan."""
    for fault in faults:
        if fault.node is not None and not 0 <= fault.node < len(network.nodes):
            raise BadPlan(f"There is no node {fault.node}.")
        if fault.address is not None and _line(network, fault) is None:
            raise BadPlan(f"{fault.address} has no trustline to disturb.")
    for fault in network.faults.faults:
        if fault.kind in WORLD_KINDS:
            _end(network, fault)
    network.faults.replace(faults, seed)
    for fault in faults:
        if fault.kind in WORLD_KINDS:
            _begin(network, fault)
            network.faults.counts[fault.kind] += 1


def _begin(network: Network, fault: Fault) -> None:
    value = fault.value or 0
    match fault.kind:
        case "lagging_node":
            _lag(network, fault, value)
        case "lagging_history":
            for node in _nodes(network, fault):
                node.history_lag = value
        case "surge_fee":
            network.ledger.lanes.floor = max(value, fees.BASE_FEE)
        case "short_retention":
            for node in _nodes(network, fault):
                node.remembers_from = network.ledger.head.sequence - value
        case "network_halt":
            network.halted = True
        case "protocol_upgrade" if fault.node is not None:
            network.nodes[fault.node].claimed_protocol = value
        case "protocol_upgrade":
            network.ledger.protocol = value
        case "frozen_trustline":
            _set_flags(network, fault, MAINTAIN_LIABILITIES)
        case "removed_trustline":
            _remove_line(network, fault)


def _end(network: Network, fault: Fault) -> None:
    match fault.kind:
        case "lagging_node":
            _lag(network, fault, 0)
        case "lagging_history":
            for node in _nodes(network, fault):
                node.history_lag = 0
        case "surge_fee":
            network.ledger.lanes.floor = fees.BASE_FEE
        case "short_retention":
            for node in _nodes(network, fault):
                node.remembers_from = 0
        case "network_halt":
            network.halted = False
        case "protocol_upgrade" if fault.node is not None:
            network.nodes[fault.node].claimed_protocol = 0
        case "protocol_upgrade":
            network.ledger.protocol = PROTOCOL_VERSION
        case "frozen_trustline":
            _set_flags(network, fault, AUTHORIZED)
        case "removed_trustline":
            _restore_line(network, fault)


def _nodes(network: Network, fault: Fault) -> list[Node]:
    return network.nodes if fault.node is None else [network.nodes[fault.node]]


def _lag(network: Network, fault: Fault, ledgers: int) -> None:
    for node in _nodes(network, fault):
        node.lag = ledgers
        node.follow()


def _line(network: Network, fault: Fault) -> Trustline | None:
    return network.ledger.root.trustline(fault.address or "", network.settings.genesis.asset)


def _set_flags(network: Network, fault: Fault, flags: int) -> None:
    line = _line(network, fault)
    if line is not None:
        network.change([replace(line, flags=flags)], [])


def _remove_line(network: Network, fault: Fault) -> None:
    """The holder sends everything back to the issuer and closes the line."""
    line = _line(network, fault)
    account = network.ledger.root.account(fault.address or "")
    if line is not None and account is not None:
        poorer = replace(account, sub_entries=account.sub_entries - 1)
        network.change([poorer], [line.key])


def _restore_line(network: Network, fault: Fault) -> None:
    """The holder opens the line again, with nothing on it."""
    account = network.ledger.root.account(fault.address or "")
    if _line(network, fault) is None and account is not None:
        line = Trustline(account.address, network.settings.genesis.asset, 0)
        richer = replace(account, sub_entries=account.sub_entries + 1)
        network.change([richer, line], [])
