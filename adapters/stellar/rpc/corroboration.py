"""Whether more than one node shows a transfer that was read: one that reads wrong must confirm nothing."""

import asyncio
import logging

from stellar_sdk.soroban_rpc import GetTransactionStatus

from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes, RpcNode

log = logging.getLogger(__name__)
NODES_TO_AGREE = 2
# As many as are in flight at once, and some more.
KEPT = 100


class Corroboration:
    """Remembers what was corroborated of late: each of a hundred payments asks for the transaction of their batch."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.given: list[tuple[str, int]] = []

    async def is_given(self, transaction_hash: str, ledger: int) -> bool:
        asked = (transaction_hash, ledger)
        if asked in self.given:
            return True
        if not await is_corroborated(self.nodes, transaction_hash, ledger):
            return False
        self.given = [*self.given[1 - KEPT :], asked]
        return True


async def is_corroborated(nodes: Nodes, transaction_hash: str, ledger: int) -> bool:
    """
    Tell whether two nodes show that a transaction was applied in a ledger, or the only one that is configured.

    Transfers are read from one node. What is confirmed by such a reading is asked of others first; False
    while too few of them answer, or remember that ledger.
    """
    said = await _ask_all(nodes, transaction_hash, ledger)
    return said.count(True) >= min(NODES_TO_AGREE, len(nodes.all))


async def decide_disagreement(nodes: Nodes, transaction_hash: str, ledger: int) -> bool | None:
    """Tell what two nodes agree on: that a transaction was applied in a ledger, or not; None if on neither."""
    said = await _ask_all(nodes, transaction_hash, ledger)
    if said.count(True) >= NODES_TO_AGREE:
        return True
    return False if said.count(False) >= NODES_TO_AGREE else None


async def _ask_all(nodes: Nodes, transaction_hash: str, ledger: int) -> list[bool | None]:
    return await asyncio.gather(
        *(_ask_one(nodes, node, transaction_hash, ledger) for node in nodes.all)
    )


async def _ask_one(nodes: Nodes, node: RpcNode, transaction_hash: str, ledger: int) -> bool | None:
    """Return whether a node shows it applied in that ledger; None if it cannot know."""
    try:
        found = await nodes.ask_node(
            node, lambda server: server.get_transaction(transaction_hash), READ_SECONDS
        )
    except Exception as error:
        log.warning("%s cannot corroborate: %s", node.name, type(error).__name__)
        return None
    if found.status is not GetTransactionStatus.NOT_FOUND:
        return found.status is GetTransactionStatus.SUCCESS and found.ledger == ledger
    return False if found.oldest_ledger <= ledger <= found.latest_ledger else None
