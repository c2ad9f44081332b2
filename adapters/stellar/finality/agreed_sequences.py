"""Sequences that two nodes agree on, or one node at two ledgers, before the journal relies on them."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from stellar_sdk import xdr

from adapters.stellar.finality.quorum import NODES_TO_AGREE, Quorum, Snapshot, parse_snapshot
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import READ_SECONDS
from domain.errors import ChainUnavailable

# How long one node alone may take to close the ledger after the one it was first read at.
LATER_SECONDS, LOOK_AGAIN_SECONDS = 12.0, 0.5


async def read_agreed(quorum: Quorum, accounts: Sequence[str]) -> Snapshot:
    """
    Read the last consumed sequences of accounts, as of the newest ledger of those read.

    Accounts on which no two reads agree are left out. Raises ChainUnavailable when no node answers.
    """
    question = ledger_entries.make_account_keys(accounts)
    snapshots = await _read_everywhere(quorum, question)
    if len(snapshots) == 1:
        snapshots.append(await _read_later(quorum, question, snapshots[0].ledger))
    if not snapshots:
        raise ChainUnavailable("no RPC node answers")
    agreed = {}
    for account in accounts:
        shown = Counter(each.sequences[account] for each in snapshots if account in each.sequences)
        if shown and max(shown.values()) >= NODES_TO_AGREE:
            agreed[account] = max(shown, key=shown.__getitem__)
    return Snapshot(max(each.ledger for each in snapshots), agreed)


async def _read_everywhere(quorum: Quorum, question: list[xdr.LedgerKey]) -> list[Snapshot]:
    """Read accounts from every node that answers, all at once."""
    replies = await asyncio.gather(
        *(
            quorum.nodes.ask_node(
                node, lambda server: server.get_ledger_entries(question), READ_SECONDS
            )
            for node in quorum.list_voters()
        ),
        return_exceptions=True,
    )
    return [parse_snapshot(each) for each in replies if not isinstance(each, BaseException)]


async def _read_later(quorum: Quorum, question: list[xdr.LedgerKey], ledger: int) -> Snapshot:
    """Read accounts once more, if the node that answers can be at a later ledger by then."""
    for _ in range(round(LATER_SECONDS / LOOK_AGAIN_SECONDS)):
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        reply = await quorum.nodes.ask(lambda server: server.get_ledger_entries(question))
        if reply.latest_ledger > ledger:
            break
    return parse_snapshot(reply)
