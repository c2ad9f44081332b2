"""
The history of our treasuries on the chain: every movement of the asset from or to them.

It is read by `getEvents` with a filter: the asset's contract emits a unified event (CAP-67) for every
movement, whatever operation made it, with the muxed id in it. `getTransactions` would return every
transaction of everybody, hundreds a ledger on the public network, and each kind of operation that moves
an asset would have to be parsed here. One page per poll is enough, whatever the number of payments.
Nothing here signs or needs a seed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stellar_sdk import Asset as SdkAsset
from stellar_sdk import scval
from stellar_sdk.soroban_rpc import (
    EventFilter,
    EventFilterType,
    GetEventsResponse,
    GetHealthResponse,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rpc.corroboration import decide_disagreement, is_corroborated
from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import READ_SECONDS, Nodes, RpcNode
from adapters.stellar.rpc.transfer_events import encode_symbol, parse_transfer
from domain.accounting.reconciliation import ChainPage, Extent
from domain.errors import ChainUnavailable
from domain.networks import NetworkState

log = logging.getLogger(__name__)
PAGE_SIZE = 1000
ANY = "*"
# A node takes so many filters in a question, and an account needs one.
FILTERS_MAX = 5


@dataclass
class _Question:
    """The filters of some accounts, and how far their pages are read."""

    filters: list[EventFilter]
    ledger: int
    closed_at: datetime | None = None
    cursor: str | None = None
    is_done: bool = False


class TreasuryHistory:
    """Reads the movements of one asset from or to some accounts, in the order they were made."""

    def __init__(
        self, nodes: Nodes, passphrase: str, usdc_issuer: str, treasuries: Sequence[str]
    ) -> None:
        self.nodes = nodes
        self.identity = NetworkMonitor(nodes, passphrase)
        self.contract = SdkAsset("USDC", usdc_issuer).contract_id(passphrase)
        self.treasuries = list(treasuries)
        self.established = False

    async def close(self) -> None:
        await self.nodes.close()

    async def is_corroborated(self, transaction_hash: str, ledger: int) -> bool:
        return await is_corroborated(self.nodes, transaction_hash, ledger)

    async def verify_network(self, known: NetworkState | None) -> NetworkState:
        """
        Check, before anything is read, that the nodes serve the network of the database.

        A chain that is reset while we run has other payments under the same passphrase.
        Raises ChainMismatch, or ChainUnavailable when no node of the network answers.
        """
        if not self.established:
            state = await self.identity.establish(known)
            self.established = True
            return state
        self.identity.known = known
        found = await self.identity.recheck()
        if found is None:
            raise ChainUnavailable(
                "no RPC node of the network that the database belongs to answers"
            )
        return found

    async def get_extent(self) -> Extent:
        """
        Return the range of ledgers that any node still has.

        Nodes keep histories of different lengths, so all of them are asked.
        """
        healths = await asyncio.gather(*map(self._get_health, self.nodes.usable))
        found = [health for health in healths if health is not None]
        if not found:
            raise ChainUnavailable("no RPC node answers")
        return Extent(
            min(health.oldest_ledger for health in found),
            max(health.latest_ledger for health in found),
            len(found) == len(self.nodes.all),
        )

    async def _get_health(self, node: RpcNode) -> GetHealthResponse | None:
        try:
            return await self.nodes.ask_node(node, lambda server: server.get_health())
        except Exception:
            return None  # the nodes have noted it

    async def read_pages(
        self, first_ledger: int, treasuries: Sequence[str] = ()
    ) -> AsyncIterator[ChainPage]:
        """
        Read pages from a ledger to the newest one, of these accounts or else of the history's own. Many accounts take
        several questions, each with pages of its own: the one that is read least far is read on, and a page says up to
        which ledger all are. A page that cannot be parsed raises ChainUnavailable.
        """
        wanted = [_make_filter(self.contract, each) for each in treasuries or self.treasuries]
        questions = [
            _Question(wanted[start : start + FILTERS_MAX], first_ledger - 1)
            for start in range(0, len(wanted), FILTERS_MAX)
        ]
        while going := [each for each in questions if not each.is_done]:
            page = await self._read_on(min(going, key=lambda each: each.ledger), first_ledger)
            least = min(questions, key=lambda each: each.ledger)
            yield replace(page, ledger=least.ledger, closed_at=least.closed_at)

    async def _read_on(self, asked: _Question, first_ledger: int) -> ChainPage:
        """Read the next page of one question."""
        try:
            answer, page = await self._read_page(asked.filters, first_ledger, asked.cursor)
        except ChainUnavailable:
            raise
        except Exception as error:
            raise ChainUnavailable(
                _describe_error("returns events that cannot be read", error)
            ) from error
        asked.ledger, asked.closed_at = page.ledger, page.closed_at
        asked.is_done = page.ledger >= answer.latest_ledger or answer.cursor == asked.cursor
        asked.cursor = answer.cursor
        return page

    async def _read_page(
        self, filters: list[EventFilter], first_ledger: int, cursor: str | None
    ) -> tuple[GetEventsResponse, ChainPage]:
        """
        Read a page from two nodes, as far as both have read: what one conceals would be paid again. From
        one, while no other can answer.
        """
        begun = first_ledger if cursor is None else _parse_ledger(cursor)

        async def question(server: SorobanServerAsync) -> GetEventsResponse:
            start = None if cursor else first_ledger
            return await server.get_events(
                start_ledger=start, filters=filters, cursor=cursor, limit=PAGE_SIZE
            )

        node, answer = await self.nodes.ask_any(question, at_least=begun)
        page = self._parse_page(answer)
        for other in self.nodes.usable:
            if other is node or other.is_lagging:
                continue
            try:
                second = await self.nodes.ask_node(other, question, READ_SECONDS)
                if second.latest_ledger < begun:
                    continue
                found = self._parse_page(second)
            except Exception as error:
                log.warning("%s shows no transfers: %s", other.name, type(error).__name__)
                continue
            if found.ledger < page.ledger:
                answer, page, found = second, found, page
            return answer, await self._unite(page, found)
        return answer, page

    async def _unite(self, page: ChainPage, further: ChainPage) -> ChainPage:
        """Return a page with what two nodes agree on. Raises ChainUnavailable while they do not."""
        alike = set(page.transfers) & set(further.transfers)
        both = {
            *page.transfers,
            *(each for each in further.transfers if each.ledger <= page.ledger),
        }
        for each in sorted(both - alike, key=lambda each: each.position):
            if each.ledger > page.ledger:
                continue  # the page goes on in that ledger
            known = await decide_disagreement(self.nodes, each.transaction_hash, each.ledger)
            if known is None:
                raise ChainUnavailable(
                    f"the nodes disagree about transaction {each.transaction_hash} of ledger {each.ledger}: "
                    "one shows a transfer that another does not"
                )
            if not known:
                log.error("ALARM: one node alone shows %s; it is left out", each.transaction_hash)
                both.discard(each)
        return replace(page, transfers=tuple(sorted(both, key=lambda each: each.position)))

    def _parse_page(self, answer: GetEventsResponse) -> ChainPage:
        transfers = tuple(parse_transfer(event, self.contract) for event in answer.events)
        if len(transfers) >= PAGE_SIZE:
            # The next page may have more events of the last ledger.
            return ChainPage(transfers, transfers[-1].ledger - 1, None)
        # The cursor of a page that is not full is the end of the search.
        searched = min(_parse_ledger(answer.cursor), answer.latest_ledger)
        if transfers and searched < transfers[-1].ledger:
            raise ValueError("the cursor is before the page's own events")
        closed = None
        if searched == answer.latest_ledger:
            closed = datetime.fromtimestamp(answer.latest_Ledger_close_time, UTC)
        return ChainPage(transfers, searched, closed)


def _parse_ledger(cursor: str) -> int:
    """Return the ledger of a cursor, which begins with a TOID (SEP-35): its upper half is the ledger."""
    return int(cursor.partition("-")[0]) >> 32


def connect(
    rpc_urls: str, passphrase: str, usdc_issuer: str, treasuries: Sequence[str]
) -> TreasuryHistory:
    """Return a history that is read from the nodes of a comma-separated list of URLs."""
    return TreasuryHistory(Nodes.from_urls(rpc_urls), passphrase, usdc_issuer, treasuries)


def _make_filter(contract: str, address: str) -> EventFilter:
    """Return the filter for every movement from or to one account."""
    party = scval.to_address(address).to_xdr()
    patterns: list[list[str]] = [
        [encode_symbol("transfer"), party, ANY, ANY],
        [encode_symbol("transfer"), ANY, party, ANY],
        *([encode_symbol(kind), party, ANY] for kind in ("mint", "burn", "clawback")),
    ]
    return EventFilter(type=EventFilterType.CONTRACT, contractIds=[contract], topics=patterns)


def _describe_error(what: str, error: Exception) -> str:
    """Describe an error by its name, without its text, which may quote anything."""
    return f"the RPC node {what}: {type(error).__name__}"
