"""
What the network has proven about an attempt: open, expired, included, or consumed by something else.

A channel account and the ledger it was read at are one snapshot. What it shows of that ledger stays
true whatever other nodes show, so a snapshot may be old:

* the sequence is not consumed, and no later ledger is allowed: the bytes have expired for ever;
* the sequence is consumed: that never changes, and one of our hashes shows by what.

That *none* of our hashes consumed it is not proven by one ledger, but by a node's history, which may
lag behind its snapshots or begin too late. It takes a quorum: two nodes, or one node at three ledgers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import (
    GetLedgerEntriesResponse,
    GetTransactionResponse,
    GetTransactionStatus,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.codes import results
from adapters.stellar.codes.transaction_codes import UNCONSUMED
from adapters.stellar.finality import node_reports
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes, RpcNode
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import Attempt

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
        """Tell whether the sequence is consumed; a missing account counts, since it may have been."""
        return self.sequences.get(attempt.channel, attempt.sequence) >= attempt.sequence

    def is_past(self, attempt: Attempt) -> bool:
        """Tell whether no ledger after this one may include the bytes of the attempt."""
        return self.ledger >= attempt.max_ledger - 1

    def has_gap(self, attempt: Attempt) -> bool:
        """Tell whether the sequence was signed ahead of the chain: the one before is not consumed either."""
        return self.sequences.get(attempt.channel, attempt.sequence) < attempt.sequence - 1

    def proves_expiry(self, attempt: Attempt) -> bool:
        """Tell whether the bytes have expired: their sequence is free, and no ledger may include them."""
        return self.is_past(attempt) and not self.has_consumed(attempt)


@dataclass(slots=True)
class UnknownConsumption:
    """The votes that a sequence was consumed by none of our hashes: ledgers by the name of the node."""

    ledgers: dict[str, set[int]] = field(default_factory=dict)
    forgotten: bool = True  # no node's history has all ledgers in which it could have happened

    def add_vote(self, node: RpcNode, ledger: int, *, forgotten: bool) -> None:
        self.ledgers.setdefault(node.name, set()).add(ledger)
        self.forgotten = self.forgotten and forgotten

    def has_quorum(self, nodes: int) -> bool:
        if nodes > 1:
            return len(self.ledgers) >= NODES_TO_AGREE
        return any(len(ledgers) >= LOOKS_OF_ONE_NODE for ledgers in self.ledgers.values())

    @property
    def reason(self) -> Reason:
        if self.forgotten:
            return Reason(
                ReasonCode.HISTORY_UNAVAILABLE, "consumed in ledgers that no node remembers"
            )
        return Reason(ReasonCode.UNKNOWN_TRANSACTION, "consumed by bytes we do not know")


class Quorum:
    """Asks the nodes for proof, and counts the votes where one node is not enough."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self._votes: dict[tuple[str, int], UnknownConsumption] = {}
        self._gaps: dict[tuple[str, int], UnknownConsumption] = {}

    async def read_snapshot(self, accounts: Sequence[str], *, at_least: int = 0) -> Snapshot:
        """Read the last consumed sequences of accounts, all at one ledger."""
        question = ledger_entries.make_account_keys(accounts)
        return parse_snapshot(
            await self.nodes.ask(
                lambda server: server.get_ledger_entries(question), at_least=at_least
            )
        )

    async def find_inclusion(self, hashes: Hashes) -> LedgerInclusion | None:
        """Return the first of these hashes that a node says was applied; None proves nothing."""
        for hash_ in await hashes():
            node, found = await self.nodes.ask_any(_make_call(hash_))
            inclusion = self._to_inclusion(found, node)
            if inclusion is not None and results.parse(inclusion.result_xdr).is_applied:
                return inclusion
        return None

    async def is_expired_everywhere(self, attempt: Attempt) -> bool:
        """Tell whether all nodes that answer, at least two if there are two, show it expired."""
        question, expired = ledger_entries.make_account_keys([attempt.channel]), 0
        for node in self.nodes.usable:
            try:
                reply = await self.nodes.ask_node(
                    node, lambda server: server.get_ledger_entries(question), READ_SECONDS
                )
            except Exception as error:
                log.warning("%s cannot vote: %s", node.name, type(error).__name__)
                continue
            snapshot = parse_snapshot(reply)
            if not snapshot.proves_expiry(attempt):
                return False
            expired += 1
        return expired >= min(NODES_TO_AGREE, len(self.nodes.all))

    async def is_ahead_of_chain(self, attempt: Attempt, hashes: Hashes) -> bool:
        """
        Tell whether a quorum shows that bytes expired ahead of the chain: none of ours is in a ledger.

        No later bytes for the sequence can be applied either, until the ones before are.
        """
        key = (attempt.channel, attempt.sequence)
        gap, signed = self._gaps.setdefault(key, UnknownConsumption()), await hashes()
        question = ledger_entries.make_account_keys([attempt.channel])
        for node in self.list_voters():
            try:
                reply = await self.nodes.ask_node(
                    node, lambda server: server.get_ledger_entries(question), READ_SECONDS
                )
                found = [
                    await self.nodes.ask_node(node, _make_call(hash_), READ_SECONDS)
                    for hash_ in signed
                ]
            except Exception as error:
                log.warning("%s cannot vote: %s", node.name, type(error).__name__)
                continue
            snapshot = parse_snapshot(reply)
            absent = all(each.status is GetTransactionStatus.NOT_FOUND for each in found)
            if not (absent and snapshot.proves_expiry(attempt) and snapshot.has_gap(attempt)):
                self._gaps.pop(key)
                return False
            gap.add_vote(node, snapshot.ledger, forgotten=False)
        if not gap.has_quorum(len(self.nodes.all)):
            return False
        self._gaps.pop(key)
        return True

    async def find_consumer(
        self, attempt: Attempt, hashes: Hashes
    ) -> LedgerInclusion | UnknownConsumption | None:
        """
        Return what consumed an attempt's sequence: a transaction of ours, or an unknown one.

        None while there is no quorum of nodes that it was none of ours.
        """
        unknown = self._votes.setdefault((attempt.channel, attempt.sequence), UnknownConsumption())
        signed = await hashes()
        # All at once, so that a node that hangs does not delay the others.
        votes = [
            asyncio.create_task(self._vote_safely(node, attempt, signed, unknown))
            for node in self.list_voters()
        ]
        inclusion = await _await_first(votes)
        if inclusion is None and not unknown.has_quorum(len(self.nodes.all)):
            return None
        self._votes.pop((attempt.channel, attempt.sequence), None)
        return inclusion or unknown

    def list_voters(self) -> list[RpcNode]:
        """Return the nodes that did not just fail, if they are enough for a quorum, else all in use."""
        answering = [node for node in self.nodes.usable if not node.is_resting]
        enough = min(NODES_TO_AGREE, len(self.nodes.all))
        return answering if len(answering) >= enough else self.nodes.usable

    async def _vote_safely(
        self, node: RpcNode, attempt: Attempt, signed: Sequence[str], unknown: UnknownConsumption
    ) -> LedgerInclusion | None:
        try:
            return await self._vote(node, attempt, signed, unknown)
        except Exception as error:
            log.warning("%s cannot vote: %s", node.name, type(error).__name__)
            return None

    async def _vote(
        self, node: RpcNode, attempt: Attempt, signed: Sequence[str], unknown: UnknownConsumption
    ) -> LedgerInclusion | None:
        """Read the channel from one node, and then look for every hash there, twice."""
        question = ledger_entries.make_account_keys([attempt.channel])
        snapshot = parse_snapshot(
            await self.nodes.ask_node(
                node, lambda server: server.get_ledger_entries(question), READ_SECONDS
            )
        )
        if not snapshot.has_consumed(attempt):
            return None  # the node is not at that ledger yet
        forgotten = False
        # A node looks the transaction up before it reads how far its history goes. So only the second
        # lookup, which began after that was known, proves that a transaction is not there.
        for _ in range(2):
            for hash_ in signed:
                found = await self.nodes.ask_node(node, _make_call(hash_), READ_SECONDS)
                inclusion = self._to_inclusion(found, node)
                if (
                    inclusion is not None
                    and results.parse(inclusion.result_xdr).code not in UNCONSUMED
                ):
                    return inclusion
                if found.latest_ledger < snapshot.ledger:
                    return None  # its history lags behind its ledger entries
                forgotten |= found.oldest_ledger > attempt.max_ledger - LEDGERS_TO_LIVE
        unknown.add_vote(node, snapshot.ledger, forgotten=forgotten)
        return None

    def _to_inclusion(self, found: GetTransactionResponse, node: RpcNode) -> LedgerInclusion | None:
        if found.status is GetTransactionStatus.NOT_FOUND:
            return None
        return node_reports.parse_lookup(found, node, self.passphrase)


async def _await_first(
    votes: Sequence[asyncio.Task[LedgerInclusion | None]],
) -> LedgerInclusion | None:
    """Return the first inclusion that any node finds, and cancel the other calls."""
    try:
        for vote in asyncio.as_completed(votes):
            if (inclusion := await vote) is not None:
                return inclusion
        return None
    finally:
        for each in votes:
            each.cancel()
        await asyncio.gather(*votes, return_exceptions=True)


def parse_snapshot(reply: GetLedgerEntriesResponse) -> Snapshot:
    """Parse the accounts of a getLedgerEntries response."""
    found = {}
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr).account
        assert entry is not None
        found[ledger_entries.to_address(entry.account_id)] = entry.seq_num.sequence_number.int64
    return Snapshot(reply.latest_ledger, found)


def _make_call(hash_: str) -> Callable[[SorobanServerAsync], Awaitable[GetTransactionResponse]]:
    return lambda server: server.get_transaction(hash_)
