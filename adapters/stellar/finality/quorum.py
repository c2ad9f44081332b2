"""
What the network has proven about an attempt: open, dead, landed, or consumed by something else.

A channel account and the ledger it was read at are one snapshot. What it shows of that ledger
stays true whatever other nodes show, so a snapshot may be old:

* the sequence not consumed, and no later ledger allowed: dead for ever;
* the sequence consumed: so it is for ever, and one of our hashes says by what.

That *none* of our hashes did it is no fact of one ledger, but of a node's memory, which may lag
behind its snapshots or begin too late. It takes two nodes to say so, or one node three times.
"""

import asyncio
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

from adapters.stellar.codes import results
from adapters.stellar.codes.transaction_codes import UNCONSUMED
from adapters.stellar.rpc.nodes import READ_SECONDS, Node, Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing import fee_bumps
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
        """A channel that is gone will never consume it, but nobody knows any more if it did."""
        return self.sequences.get(attempt.channel, attempt.sequence) >= attempt.sequence

    def is_past(self, attempt: Attempt) -> bool:
        """No ledger after this one may take the bytes of the attempt."""
        return self.ledger >= attempt.max_ledger - 1

    def proves_expiry(self, attempt: Attempt) -> bool:
        """The bytes can never land: their sequence is free, and no ledger may take them any more."""
        return self.is_past(attempt) and not self.has_consumed(attempt)


@dataclass(slots=True)
class UnknownConsumption:
    """Who has said that an attempt's sequence was consumed by none of our hashes, and when."""

    ledgers: dict[str, set[int]] = field(default_factory=dict)
    forgotten: bool = True  # nobody remembers the ledgers in which it could have happened

    def add_vote(self, node: Node, ledger: int, *, forgotten: bool) -> None:
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
    """Asks the nodes for proof, and weighs what several of them say."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self._unknown: dict[tuple[str, int], UnknownConsumption] = {}

    async def read_snapshot(self, accounts: Sequence[str], *, at_least: int = 0) -> Snapshot:
        """Read how far accounts have consumed their sequences, all at one ledger."""
        question = make_account_keys(accounts)
        return _to_snapshot(
            await self.nodes.ask(
                lambda server: server.get_ledger_entries(question), at_least=at_least
            )
        )

    async def find_inclusion(self, hashes: Hashes) -> LedgerInclusion | None:
        """Ask for every hash that was applied; that none is found means nothing."""
        for hash_ in await hashes():
            landing = self._to_inclusion(await self.nodes.ask(_make_call(hash_)))
            if landing is not None and results.parse(landing.result_xdr).is_applied:
                return landing
        return None

    async def is_expired_everywhere(self, attempt: Attempt) -> bool:
        """Tell whether all that can be asked, two at least if there are two, call it dead."""
        question, dead = make_account_keys([attempt.channel]), 0
        for node in self.nodes.usable:
            try:
                reply = await self.nodes.ask_node(
                    node, lambda server: server.get_ledger_entries(question), READ_SECONDS
                )
            except Exception as error:
                log.warning("%s cannot testify: %s", node.name, type(error).__name__)
                continue
            snapshot = _to_snapshot(reply)
            if not snapshot.proves_expiry(attempt):
                return False
            dead += 1
        return dead >= min(NODES_TO_AGREE, len(self.nodes.all))

    async def find_consumer(
        self, attempt: Attempt, hashes: Hashes
    ) -> LedgerInclusion | UnknownConsumption | None:
        """
        Say what consumed an attempt's sequence: a landing of ours, or something foreign, or
        None while too few nodes have said that it was none of ours.
        """
        doubt = self._unknown.setdefault((attempt.channel, attempt.sequence), UnknownConsumption())
        signed = await hashes()
        # All at once: one that hangs keeps nobody else from being heard.
        hearings = [
            asyncio.create_task(self._vote_safely(node, attempt, signed, doubt))
            for node in self._quorum_nodes()
        ]
        landing = await _await_first(hearings)
        if landing is None and not doubt.has_quorum(len(self.nodes.all)):
            return None
        self._unknown.pop((attempt.channel, attempt.sequence), None)
        return landing or doubt

    def _quorum_nodes(self) -> list[Node]:
        """Those who answer, if they are enough; one that has just failed would be waited for."""
        awake = [node for node in self.nodes.usable if not node.is_resting]
        enough = min(NODES_TO_AGREE, len(self.nodes.all))
        return awake if len(awake) >= enough else self.nodes.usable

    async def _vote_safely(
        self, node: Node, attempt: Attempt, signed: Sequence[str], doubt: UnknownConsumption
    ) -> LedgerInclusion | None:
        try:
            return await self._vote(node, attempt, signed, doubt)
        except Exception as error:
            log.warning("%s cannot testify: %s", node.name, type(error).__name__)
            return None

    async def _vote(
        self, node: Node, attempt: Attempt, signed: Sequence[str], doubt: UnknownConsumption
    ) -> LedgerInclusion | None:
        """Have one node show the channel and then look for every hash, twice."""
        question = make_account_keys([attempt.channel])
        snapshot = _to_snapshot(
            await self.nodes.ask_node(
                node, lambda server: server.get_ledger_entries(question), READ_SECONDS
            )
        )
        if not snapshot.has_consumed(attempt):
            return None  # it has not come that far
        forgotten = False
        # A node reads the transaction before it reads how far its memory goes. So only the second
        # look, begun when that was known, can tell that something is not there.
        for _ in range(2):
            for hash_ in signed:
                found = await self.nodes.ask_node(node, _make_call(hash_), READ_SECONDS)
                landing = self._to_inclusion(found)
                if landing is not None and results.parse(landing.result_xdr).code not in UNCONSUMED:
                    return landing
                if found.latest_ledger < snapshot.ledger:
                    return None  # its memory lags behind what it shows of accounts
                forgotten |= found.oldest_ledger > attempt.max_ledger - LEDGERS_TO_LIVE
        doubt.add_vote(node, snapshot.ledger, forgotten=forgotten)
        return None

    def _to_inclusion(self, found: GetTransactionResponse) -> LedgerInclusion | None:
        if found.status is GetTransactionStatus.NOT_FOUND:
            return None
        return LedgerInclusion(
            # Asked by the hash of what it carries, a node answers with that one.
            fee_bumps.get_outer_hash(found.envelope_xdr or "", self.passphrase),
            found.status is GetTransactionStatus.SUCCESS,
            found.result_xdr or "",
            found.ledger or 0,
            found.create_at or 0,
            tuple(found.diagnostic_events_xdr or ()),
        )


async def _await_first(
    hearings: Sequence[asyncio.Task[LedgerInclusion | None]],
) -> LedgerInclusion | None:
    """Return what the first says who knows anything, and let the others go."""
    try:
        for hearing in asyncio.as_completed(hearings):
            if (landing := await hearing) is not None:
                return landing
        return None
    finally:
        for each in hearings:
            each.cancel()
        await asyncio.gather(*hearings, return_exceptions=True)


def make_account_keys(addresses: Sequence[str]) -> list[xdr.LedgerKey]:
    """Return what to ask the network about accounts."""
    return [
        xdr.LedgerKey(
            xdr.LedgerEntryType.ACCOUNT,
            account=xdr.LedgerKeyAccount(Keypair.from_public_key(address).xdr_account_id()),
        )
        for address in addresses
    ]


def get_address(entry: xdr.AccountEntry) -> str:
    raw = entry.account_id.account_id.ed25519
    assert raw is not None
    return StrKey.encode_ed25519_public_key(raw.uint256)


def _to_snapshot(reply: GetLedgerEntriesResponse) -> Snapshot:
    found = {}
    for result in reply.entries or []:
        entry = xdr.LedgerEntryData.from_xdr(result.xdr).account
        assert entry is not None
        found[get_address(entry)] = entry.seq_num.sequence_number.int64
    return Snapshot(reply.latest_ledger, found)


def _make_call(hash_: str) -> Callable[[SorobanServerAsync], Awaitable[GetTransactionResponse]]:
    return lambda server: server.get_transaction(hash_)
