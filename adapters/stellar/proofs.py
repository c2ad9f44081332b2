"""
What the network has proven about an attempt: open, dead, landed, or consumed by something else.

A channel account and the ledger it was read at are one snapshot. What it shows of that ledger
stays true whatever other nodes show, so a snapshot may be old:

* the sequence not consumed, and no later ledger allowed: dead for ever;
* the sequence consumed: so it is for ever, and one of our hashes says by what.

That *none* of our hashes did it is no fact of one ledger, but of a node's memory, which may lag
behind its snapshots or begin too late. It takes two nodes to say so, or one node three times.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stellar_sdk import Keypair, StrKey, xdr
from stellar_sdk.soroban_rpc import (
    GetLedgerEntriesResponse,
    GetTransactionResponse,
    GetTransactionStatus,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar import bumps
from adapters.stellar.ledgers import Landing
from adapters.stellar.nodes import Node, Nodes
from adapters.stellar.transfers import LEDGERS_TO_LIVE
from domain.attempts import Attempt

log = logging.getLogger(__name__)
Hashes = Callable[[], Awaitable[list[str]]]
NODES_TO_AGREE = 2
LOOKS_OF_ONE_NODE = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The last consumed sequences of the accounts that exist, as of one ledger."""

    ledger: int
    sequences: dict[str, int]

    def has_consumed(self, attempt: Attempt) -> bool:
        """A channel that is gone will never consume it, but nobody knows any more if it did."""
        return self.sequences.get(attempt.channel, attempt.sequence) >= attempt.sequence

    def is_past(self, attempt: Attempt) -> bool:
        """No ledger after this one may take the bytes of the attempt."""
        return self.ledger >= attempt.max_ledger - 1


@dataclass(slots=True)
class Doubt:
    """Who has said that an attempt's sequence was consumed by none of our hashes, and when."""

    ledgers: dict[str, set[int]] = field(default_factory=dict)
    forgotten: bool = True  # nobody remembers the ledgers in which it could have happened

    def count(self, node: Node, ledger: int, *, forgotten: bool) -> None:
        self.ledgers.setdefault(node.name, set()).add(ledger)
        self.forgotten = self.forgotten and forgotten

    def settled(self, nodes: int) -> bool:
        if nodes > 1:
            return len(self.ledgers) >= NODES_TO_AGREE
        return any(len(ledgers) >= LOOKS_OF_ONE_NODE for ledgers in self.ledgers.values())

    @property
    def reason(self) -> str:
        if self.forgotten:
            return "consumed in ledgers that no node remembers"
        return "consumed by bytes we do not know"


class Proofs:
    """Asks the nodes for proof, and weighs what several of them say."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self._doubts: dict[tuple[str, int], Doubt] = {}

    async def snapshot(self, accounts: Sequence[str], *, at_least: int = 0) -> Snapshot:
        """Read how far accounts have consumed their sequences, all at one ledger."""
        question = _accounts(accounts)
        return _snapshot(
            await self.nodes.ask(
                lambda server: server.get_ledger_entries(question), at_least=at_least
            )
        )

    async def look_up(self, hashes: Hashes) -> Landing | None:
        """Ask for every hash; that none is found means nothing."""
        for hash_ in await hashes():
            found = await self.nodes.ask(_transaction(hash_))
            if found.status is not GetTransactionStatus.NOT_FOUND:
                return self._landing(found)
        return None

    async def of_consumed(self, attempt: Attempt, hashes: Hashes) -> Landing | Doubt | None:
        """
        Say what consumed an attempt's sequence: a landing of ours, or something foreign, or
        None while too few nodes have said that it was none of ours.
        """
        doubt = self._doubts.setdefault((attempt.channel, attempt.sequence), Doubt())
        signed = await hashes()
        for node in self.nodes.usable:
            try:
                landing = await self._testify(node, attempt, signed, doubt)
            except Exception as error:
                log.warning("%s cannot testify: %s", node.name, type(error).__name__)
                continue
            if landing is not None:
                self._forget(attempt)
                return landing
        if not doubt.settled(len(self.nodes.all)):
            return None
        self._forget(attempt)
        return doubt

    async def _testify(
        self, node: Node, attempt: Attempt, signed: Sequence[str], doubt: Doubt
    ) -> Landing | None:
        """Have one node show the channel and then look for every hash, twice."""
        question = _accounts([attempt.channel])
        snapshot = _snapshot(
            await self.nodes.ask_node(node, lambda server: server.get_ledger_entries(question))
        )
        if not snapshot.has_consumed(attempt):
            return None  # it has not come that far
        forgotten = False
        # A node reads the transaction before it reads how far its memory goes. So only the second
        # look, begun when that was known, can tell that something is not there.
        for _ in range(2):
            for hash_ in signed:
                found = await self.nodes.ask_node(node, _transaction(hash_))
                if found.status is not GetTransactionStatus.NOT_FOUND:
                    return self._landing(found)
                if found.latest_ledger < snapshot.ledger:
                    return None  # its memory lags behind what it shows of accounts
                forgotten |= found.oldest_ledger > attempt.max_ledger - LEDGERS_TO_LIVE
        doubt.count(node, snapshot.ledger, forgotten=forgotten)
        return None

    def _landing(self, found: GetTransactionResponse) -> Landing:
        return Landing(
            # Asked by the hash of what it carries, a node answers with that one.
            bumps.outer_hash(found.envelope_xdr or "", self.passphrase),
            found.status is GetTransactionStatus.SUCCESS,
            found.result_xdr or "",
            found.ledger or 0,
            found.create_at or 0,
        )

    def _forget(self, attempt: Attempt) -> None:
        self._doubts.pop((attempt.channel, attempt.sequence), None)


def _accounts(addresses: Sequence[str]) -> list[xdr.LedgerKey]:
    return [
        xdr.LedgerKey(
            xdr.LedgerEntryType.ACCOUNT,
            account=xdr.LedgerKeyAccount(Keypair.from_public_key(address).xdr_account_id()),
        )
        for address in addresses
    ]


def _snapshot(reply: GetLedgerEntriesResponse) -> Snapshot:
    found = {}
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr).account
        assert entry is not None
        raw = entry.account_id.account_id.ed25519
        assert raw is not None
        address = StrKey.encode_ed25519_public_key(raw.uint256)
        found[address] = entry.seq_num.sequence_number.int64
    return Snapshot(reply.latest_ledger, found)


def _transaction(hash_: str) -> Callable[[SorobanServerAsync], Awaitable[GetTransactionResponse]]:
    return lambda server: server.get_transaction(hash_)
