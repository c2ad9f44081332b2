"""
Which network the nodes serve: asked before anything is signed, and again for as long as we run.

A node that serves another network, other rules than the rest, or a chain that went backwards is
left out until it no longer does.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.stellar.rpc.nodes import Node, Nodes, get_ledger_range
from domain.errors import ChainMismatch, ChainUnavailable
from domain.networks import NetworkState, check_network, choose_protocol

log = logging.getLogger(__name__)
SILENT = "it has not said yet which network it serves"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What a node says of its network; what is wrong with it, if anything is."""

    standing: NetworkState
    problem: str = ""


class NetworkMonitor:
    """The network that the nodes must serve, and what it is known to have been."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self.known: NetworkState | None = None

    async def establish(self, known: NetworkState | None) -> NetworkState:
        """
        Make sure, before anything is signed, that every node serves the network of the journal.

        Raises ChainMismatch if one does not, ChainUnavailable if none answers.
        """
        self.known = known
        answers = await self._ask_all()
        if not answers:
            raise ChainUnavailable("no RPC node answers")
        for node, answer in answers.items():
            if answer.problem:
                raise ChainMismatch(f"{node.name} {answer.problem}; check STELLAR_RPC_URL")
        versions = {node.name: answer.standing.protocol_version for node, answer in answers.items()}
        if len(set(versions.values())) > 1:
            shown = ", ".join(f"{name}: {version}" for name, version in versions.items())
            raise ChainMismatch(f"the RPC nodes serve different protocol versions ({shown})")
        standing = self._learn(answers)
        for node in self.nodes.all:
            self.nodes.exclude(node, "" if node in answers else SILENT)
        return standing

    async def recheck(self) -> NetworkState | None:
        """Ask every node again, and leave out those that disagree; None when none answers."""
        answers = await self._ask_all()
        sound = {node: answer for node, answer in answers.items() if not answer.problem}
        version = choose_protocol(
            {node.name: answer.standing.protocol_version for node, answer in sound.items()}
            or {"": 0}
        )
        for node, answer in answers.items():
            trouble = answer.problem
            if not trouble and answer.standing.protocol_version != version:
                trouble = f"serves protocol {answer.standing.protocol_version}, others {version}"
            self._leave_out(node, trouble)
        used = {node: answer for node, answer in sound.items() if not node.excluded_reason}
        return self._learn(used) if used else None

    def _learn(self, answers: dict[Node, NodeIdentity]) -> NetworkState:
        """Remember the furthest that the network has come, and say so when its rules changed."""
        found = max((answer.standing for answer in answers.values()), key=lambda each: each.ledger)
        known = self.known
        if known is not None and known.protocol_version != found.protocol_version:
            log.error(
                "ALARM: the network went from protocol %d to %d; "
                "check that this version of the engine knows it",
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

    def _leave_out(self, node: Node, trouble: str) -> None:
        if trouble and trouble != node.excluded_reason:
            log.error("ALARM: %s is left out: it %s", node.name, trouble)
        if node.excluded_reason and not trouble:
            log.warning("%s is asked again", node.name)
        if trouble != node.excluded_reason:
            self.nodes.exclude(node, trouble)

    async def _ask_all(self) -> dict[Node, NodeIdentity]:
        answers = await asyncio.gather(*(self._ask(node) for node in self.nodes.all))
        return {
            node: answer
            for node, answer in zip(self.nodes.all, answers, strict=True)
            if answer is not None
        }

    async def _ask(self, node: Node) -> NodeIdentity | None:
        try:
            # In this order: its ledger is of our network if it still serves it afterwards.
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
        standing = NetworkState(
            network.passphrase, network.protocol_version, place.latest_ledger, closed_at
        )
        return NodeIdentity(standing, self._find_regression(standing))

    def _find_regression(self, found: NetworkState) -> str:
        try:
            check_network(self.known, found)
        except ChainMismatch as error:
            return f"shows that {error}"
        return ""
