"""
The network monitor: checks which network the nodes serve, before anything is signed and ever after.

A node that serves another network, another protocol version than the rest, or a chain that went
backwards is excluded until it no longer does.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.stellar.rpc.nodes import Nodes, RpcNode, get_ledger_range
from domain.errors import ChainMismatch, ChainUnavailable
from domain.networks import NetworkState, check_network, choose_protocol

log = logging.getLogger(__name__)
NOT_IDENTIFIED = "it has not answered yet which network it serves"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The network that a node serves, and what is wrong with it; empty if nothing is."""

    state: NetworkState
    problem: str = ""


class NetworkMonitor:
    """Checks that nodes serve one network, and remembers its newest state."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self.known: NetworkState | None = None

    async def establish(self, known: NetworkState | None) -> NetworkState:
        """
        Check, before anything is signed, that every node serves the network of the database.

        Raises ChainMismatch if one does not, ChainUnavailable if none answers.
        """
        self.known = known
        answers = await self._ask_all()
        if not answers:
            raise ChainUnavailable("no RPC node answers")
        for node, answer in answers.items():
            if answer.problem:
                raise ChainMismatch(f"{node.name} {answer.problem}; check STELLAR_RPC_URL")
        versions = {node.name: answer.state.protocol_version for node, answer in answers.items()}
        if len(set(versions.values())) > 1:
            shown = ", ".join(f"{name}: {version}" for name, version in versions.items())
            raise ChainMismatch(f"the RPC nodes serve different protocol versions ({shown})")
        state = self._learn(answers)
        for node in self.nodes.all:
            self.nodes.exclude(node, "" if node in answers else NOT_IDENTIFIED)
        return state

    async def recheck(self) -> NetworkState | None:
        """Ask every node again, and exclude those that disagree; None when none answers."""
        answers = await self._ask_all()
        sound = {node: answer for node, answer in answers.items() if not answer.problem}
        version = choose_protocol(
            {node.name: answer.state.protocol_version for node, answer in sound.items()} or {"": 0}
        )
        for node, answer in answers.items():
            problem = answer.problem
            if not problem and answer.state.protocol_version != version:
                problem = f"serves protocol {answer.state.protocol_version}, others {version}"
            self._exclude(node, problem)
        used = {node: answer for node, answer in sound.items() if not node.excluded_reason}
        return self._learn(used) if used else None

    def _learn(self, answers: dict[RpcNode, NodeIdentity]) -> NetworkState:
        """Remember the newest state of the network; alarm when its protocol version changed."""
        found = max((answer.state for answer in answers.values()), key=lambda each: each.ledger)
        known = self.known
        if known is not None and known.protocol_version != found.protocol_version:
            log.error(
                "ALARM: the network went from protocol %d to %d; "
                "check that this version of the engine supports it",
                known.protocol_version,
                found.protocol_version,
            )
        if known is None or found.ledger > known.ledger:
            self.known = found
        elif known.protocol_version != found.protocol_version:
            self.known = NetworkState(
                known.passphrase, found.protocol_version, known.ledger, known.closed_at
            )
        assert self.known is not None
        self.nodes.known = self.known.ledger
        return self.known

    def _exclude(self, node: RpcNode, problem: str) -> None:
        if problem and problem != node.excluded_reason:
            log.error("ALARM: %s is excluded: it %s", node.name, problem)
        if node.excluded_reason and not problem:
            log.warning("%s is included again", node.name)
        if problem != node.excluded_reason:
            self.nodes.exclude(node, problem)

    async def _ask_all(self) -> dict[RpcNode, NodeIdentity]:
        answers = await asyncio.gather(*(self._ask(node) for node in self.nodes.all))
        return {
            node: answer
            for node, answer in zip(self.nodes.all, answers, strict=True)
            if answer is not None
        }

    async def _ask(self, node: RpcNode) -> NodeIdentity | None:
        try:
            # In this order: if the node serves our network now, the ledger read before is of it too.
            place = await self.nodes.ask_node(node, get_ledger_range)
            network = await self.nodes.ask_node(node, lambda server: server.get_network())
            if network.passphrase != self.passphrase:
                return NodeIdentity(
                    NetworkState(
                        network.passphrase, network.protocol_version, 0, datetime.now(UTC)
                    ),
                    f"serves {network.passphrase!r}, not {self.passphrase!r}",
                )
        except Exception:
            return None  # the nodes have noted it
        closed_at = datetime.fromtimestamp(place.latest_ledger_close_time, UTC)
        state = NetworkState(
            network.passphrase, network.protocol_version, place.latest_ledger, closed_at
        )
        return NodeIdentity(state, self._find_regression(state))

    def _find_regression(self, found: NetworkState) -> str:
        try:
            check_network(self.known, found)
        except ChainMismatch as error:
            return f"shows that {error}"
        return ""
