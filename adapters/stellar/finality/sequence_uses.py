"""Which sequence of which account a transaction in a ledger has used."""

import logging

from stellar_sdk.soroban_rpc import GetTransactionStatus

from adapters.stellar.finality import node_reports
from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes

log = logging.getLogger(__name__)


async def find_use(nodes: Nodes, passphrase: str, transaction_hash: str) -> tuple[str, int] | None:
    """Return account and sequence, from the bytes of a transaction as the first node has them; None when none does."""
    for node in nodes.usable:
        try:
            found = await nodes.ask_node(
                node, lambda server: server.get_transaction(transaction_hash), READ_SECONDS
            )
        except Exception as error:
            log.warning("%s cannot say what was used: %s", node.name, type(error).__name__)
            continue
        if found.status is GetTransactionStatus.NOT_FOUND:
            continue
        used = node_reports.parse_use(found.envelope_xdr or "", transaction_hash, passphrase)
        if used is not None:
            return used
    return None
