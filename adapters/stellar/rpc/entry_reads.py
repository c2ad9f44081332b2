"""Entry reads: ledger entries that many payments ask of one node at the same moment are read in one call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse, LedgerEntryResult
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes, RpcNode

# Those that a ledger has ended ask within milliseconds of each other.
GATHER_SECONDS = 0.005
KEYS_MAX = 200


@dataclass(eq=False)
class _Round:
    """The keys asked for so far, and the read that will have them all."""

    keys: dict[str, xdr.LedgerKey] = field(default_factory=dict)
    read: asyncio.Task[tuple[int, dict[str, LedgerEntryResult]]] | None = None


class EntryReads:
    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._rounds: dict[str, _Round] = {}

    async def read(
        self, node: RpcNode, keys: Sequence[xdr.LedgerKey]
    ) -> tuple[int, list[LedgerEntryResult]]:
        """Return the entries that exist, and the ledger that all of them are at least as new as."""
        joined = self._rounds.get(node.name)
        if joined is None:
            joined = self._rounds[node.name] = _Round()
            joined.read = asyncio.create_task(self._load(node, joined))
        wanted = {key.to_xdr(): key for key in keys}
        joined.keys |= wanted
        assert joined.read is not None
        # Who gives up does not end the read of the others.
        ledger, found = await asyncio.shield(joined.read)
        return ledger, [found[key] for key in wanted if key in found]

    async def _load(
        self, node: RpcNode, joined: _Round
    ) -> tuple[int, dict[str, LedgerEntryResult]]:
        await asyncio.sleep(GATHER_SECONDS)
        del self._rounds[node.name]
        keys, found, ledgers = list(joined.keys.values()), dict[str, LedgerEntryResult](), []
        for start in range(0, len(keys), KEYS_MAX):
            reply = await self._ask(node, keys[start : start + KEYS_MAX])
            ledgers.append(reply.latest_ledger)
            found |= {each.key: each for each in reply.entries or []}
        return min(ledgers), found

    async def _ask(self, node: RpcNode, some: list[xdr.LedgerKey]) -> GetLedgerEntriesResponse:
        async def ask(server: SorobanServerAsync) -> GetLedgerEntriesResponse:
            return await server.get_ledger_entries(some)

        return await self.nodes.ask_node(node, ask, READ_SECONDS)
