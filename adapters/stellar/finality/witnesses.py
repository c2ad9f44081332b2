"""
The witnesses of a report: what one node says became of a transaction takes a second word to be believed.

Two nodes that agree on hash, ledger and result are enough. While no other node can say anything of
that ledger, the report is believed if everything else its own node shows fits it. Where nodes, or the
tables of one node, contradict each other, nothing is final: it is watched further, and people are told.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from stellar_sdk.soroban_rpc import (
    GetTransactionResponse,
    GetTransactionsResponse,
    GetTransactionStatus,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.finality import node_reports
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from adapters.stellar.rpc.shared_reads import SharedReads
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion, to_inclusion

log = logging.getLogger(__name__)
# How long a node that is a little behind is waited for.
PATIENCE_SECONDS, LOOK_AGAIN_SECONDS = 1.5, 0.25
HEAR_SECONDS = 2.0
PAGE_SIZE = 200
ALARM_EVERY_SECONDS = 60.0

Contradict = Callable[[LedgerInclusion], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Who says what, in one sentence without a full stop."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Testimony:
    """What a node says of our transaction: what became of it, or that no ledger includes it."""

    node: RpcNode
    report: LedgerInclusion | None
    flaw: str = ""

    def describe(self) -> str:
        if self.flaw:
            return f"{self.node.name} {self.flaw}"
        if self.report is None:
            return f"{self.node.name} shows it in no ledger"
        said = "applied" if self.report.succeeded else "failed"
        return f"{self.node.name} shows it {said} in ledger {self.report.ledger}"

    def agrees_with(self, other: "Testimony") -> bool:
        """Tell whether both show the same transaction in the same ledger with the same result."""
        if self.report is None or self.flaw or other.flaw:
            return False
        return other.report is not None and node_reports.get_verdict(
            self.report
        ) == node_reports.get_verdict(other.report)


class Witnesses:
    """Asks a second node before a report is believed, and counts who agrees."""

    def __init__(self, nodes: Nodes, passphrase: str) -> None:
        self.nodes = nodes
        self.passphrase = passphrase
        self._pages: SharedReads[dict[str, LedgerInclusion]] = SharedReads()
        self._alarmed: dict[str, float] = {}

    async def confirm(
        self, report: LedgerInclusion, signed: Sequence[str], contradict: Contradict
    ) -> LedgerInclusion | Disagreement:
        """
        Return what is believed of a transaction, or who disagrees.

        `signed` are the inner hashes it may have; `contradict` finds what its node shows besides.
        """
        assert report.node is not None
        heard = [self._testify(report.node, report, signed)]
        for node in self._list_others(report.node):
            said = await self._hear(node, report, signed)
            if said is None:
                continue
            heard.append(said)
            if (believed := _find_agreement(heard)) is not None:
                self._tell_outvoted(report.hash, heard, believed)
                assert believed.report is not None
                return believed.report
        if len(heard) == 1 and not heard[0].flaw:
            contradiction = await contradict(report)
            if not contradiction:
                return report
            heard.append(Testimony(report.node, None, contradiction))
        return self._disagree(report, heard)

    def _testify(
        self, node: RpcNode, report: LedgerInclusion | None, signed: Sequence[str]
    ) -> Testimony:
        flaw = "" if report is None else node_reports.find_flaw(report, signed, self.passphrase)
        return Testimony(node, report, flaw)

    def _list_others(self, first: RpcNode) -> list[RpcNode]:
        """
        Return the other nodes of this network; those that lag or have failed come last. One that rests is
        asked, too: it may refuse what is sent and still know what became of it.
        """
        others = [node for node in self.nodes.all if node is not first and not node.excluded_reason]
        return sorted(others, key=lambda node: (node.is_resting, node.is_lagging, node.failures))

    async def _hear(
        self, node: RpcNode, report: LedgerInclusion, signed: Sequence[str]
    ) -> Testimony | None:
        """Return what a node says of the same transaction; None while it cannot know of its ledger."""
        looks = 1 if node.is_lagging else 1 + round(PATIENCE_SECONDS / LOOK_AGAIN_SECONDS)
        for look in range(looks):
            if look:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            try:
                shown = await self._find_on_page(node, report)
                if shown is not None:
                    return self._testify(node, shown, signed)
                replies = [
                    await self.nodes.ask_node(node, partial(_look_up, hash_), HEAR_SECONDS)
                    for hash_ in [
                        *signed,
                        *signed,
                    ]  # only the second time proves that it is not there
                ]
            except Exception as error:
                log.warning("%s cannot bear witness: %s", node.name, type(error).__name__)
                return None
            for reply in replies:
                if reply.status is not GetTransactionStatus.NOT_FOUND:
                    found = node_reports.parse_lookup(reply, node, self.passphrase)
                    return self._testify(node, found, signed)
            if replies[0].latest_ledger >= report.ledger:
                forgotten = replies[0].oldest_ledger > report.ledger
                return None if forgotten else Testimony(node, None)
        return None

    async def _find_on_page(self, node: RpcNode, report: LedgerInclusion) -> LedgerInclusion | None:
        """Look a transaction up among those of its ledger, which are read once for all of them."""
        try:
            read = partial(self._load_ledger, node, report.ledger)
            return (await self._pages.read(node, report.ledger, "", read)).get(report.hash)
        except Exception:
            return None  # the ledger may be too new or too old for it: its own lookup says so

    async def _load_ledger(self, node: RpcNode, ledger: int) -> dict[str, LedgerInclusion]:
        found: dict[str, LedgerInclusion] = {}
        cursor: str | None = None
        while True:
            start = None if cursor else ledger
            page = await self.nodes.ask_node(
                node,
                partial(_read_page, start, cursor),
                HEAR_SECONDS,
            )
            rows = [each for each in page.transactions if each.ledger == ledger]
            found |= {each.transaction_hash: to_inclusion(each, node) for each in rows}
            if len(rows) < PAGE_SIZE or page.cursor == cursor:
                return found
            cursor = page.cursor

    def _disagree(self, report: LedgerInclusion, heard: Sequence[Testimony]) -> Disagreement:
        self._pages.forget(report.ledger)
        said = ", ".join(each.describe() for each in heard)
        found = Disagreement(f"the nodes disagree about transaction {report.hash}: {said}")
        self._alarm(report.hash, f"{found.sentence}; it is watched until they agree")
        return found

    def _tell_outvoted(self, hash_: str, heard: Sequence[Testimony], believed: Testimony) -> None:
        for each in heard:
            if each is not believed and not each.agrees_with(believed):
                self._alarm(
                    each.node.name,
                    f"two nodes agree about transaction {hash_}, and {each.describe()}; "
                    "take it out of STELLAR_RPC_URL",
                )

    def _alarm(self, about: str, sentence: str) -> None:
        """Log an alarm, and the same one again only after a while."""
        now = time.monotonic()
        if now - self._alarmed.get(about, -ALARM_EVERY_SECONDS) >= ALARM_EVERY_SECONDS:
            self._alarmed = {
                key: at for key, at in self._alarmed.items() if now - at < ALARM_EVERY_SECONDS
            } | {about: now}
            log.error("ALARM: %s", sentence)


def _find_agreement(heard: Sequence[Testimony]) -> Testimony | None:
    """Return the earlier of two testimonies that agree; None when no two do."""
    newest = heard[-1]
    return next((each for each in heard[:-1] if each.agrees_with(newest)), None)


async def _look_up(hash_: str, server: SorobanServerAsync) -> GetTransactionResponse:
    return await server.get_transaction(hash_)


async def _read_page(
    start: int | None, cursor: str | None, server: SorobanServerAsync
) -> GetTransactionsResponse:
    return await server.get_transactions(start_ledger=start, cursor=cursor, limit=PAGE_SIZE)
