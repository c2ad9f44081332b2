"""
What the chain tells of our treasuries: every movement of the asset from or to them.

Read by `getEvents`, filtered by the node: the asset's contract emits a unified event for every
movement, by whatever operation it was made, with the muxed number in it. `getTransactions` would
tell of every transaction of everybody, hundreds a ledger on the public network, and each kind of
operation that can move an asset would have to be understood here. One page per look is enough,
whatever the number of payments. Nothing here signs, and nothing here needs a seed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from stellar_sdk import Address, MuxedAccount, scval
from stellar_sdk import Asset as SdkAsset
from stellar_sdk.client.aiohttp_client import AiohttpClient
from stellar_sdk.soroban_rpc import (
    EventFilter,
    EventFilterType,
    EventInfo,
    GetEventsResponse,
    GetHealthResponse,
    GetNetworkResponse,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from domain.errors import ChainMismatch, ChainUnavailable
from domain.reconciliation import ChainPage, ChainTransfer, Extent

PAGE_SIZE = 1000
CALL_SECONDS = 10
ANY = "*"
# Kinds of movement, and which of their topics are payer and payee.
PARTIES: Mapping[str, tuple[int | None, int | None]] = {
    "transfer": (1, 2),
    "mint": (None, 1),
    "burn": (1, None),
    "clawback": (1, None),
}


class Node(Protocol):
    """What is asked of an RPC node, or of several that stand behind one another."""

    async def get_network(self) -> GetNetworkResponse: ...

    async def get_health(self) -> GetHealthResponse: ...

    async def get_events(
        self,
        start_ledger: int | None = None,
        end_ledger: int | None = None,
        filters: Sequence[EventFilter] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> GetEventsResponse: ...

    async def close(self) -> None: ...


class TreasuryHistory:
    """Reads movements of one asset from or to some accounts, in the order they were made."""

    def __init__(
        self, node: Node, passphrase: str, usdc_issuer: str, treasuries: Sequence[str]
    ) -> None:
        self.node = node
        self.passphrase = passphrase
        self.contract = SdkAsset("USDC", usdc_issuer).contract_id(passphrase)
        self.filters = [_filter(self.contract, address) for address in treasuries]
        self.known = False

    async def close(self) -> None:
        await self.node.close()

    async def extent(self) -> Extent:
        """Return the ledgers the node can tell about; refuse another network than ours."""
        try:
            if not self.known:
                await self._check_identity()
            health = await self.node.get_health()
        except ChainMismatch:
            raise
        except Exception as error:
            raise ChainUnavailable(_unread("does not answer", error)) from error
        return Extent(health.oldest_ledger, health.latest_ledger)

    async def _check_identity(self) -> None:
        network = await self.node.get_network()
        if network.passphrase != self.passphrase:
            raise ChainMismatch(
                f"the RPC node serves {network.passphrase!r}, not {self.passphrase!r}; "
                "check STELLAR_RPC_URL and STELLAR_NETWORK_PASSPHRASE"
            )
        self.known = True

    async def pages(self, first_ledger: int) -> AsyncIterator[ChainPage]:
        """Page from a ledger on, up to the newest. What cannot be read ends it, and is not kept."""
        cursor: str | None = None
        while True:
            try:
                answer = await self.node.get_events(
                    start_ledger=None if cursor else first_ledger,
                    filters=self.filters,
                    cursor=cursor,
                    limit=PAGE_SIZE,
                )
                page = self._read(answer)
            except Exception as error:
                raise ChainUnavailable(_unread("cannot tell of transfers", error)) from error
            yield page
            if page.ledger >= answer.latest_ledger or answer.cursor == cursor:
                return
            cursor = answer.cursor

    def _read(self, answer: GetEventsResponse) -> ChainPage:
        transfers = tuple(self._transfer(event) for event in answer.events)
        if len(transfers) >= PAGE_SIZE:
            # More of the last ledger may follow.
            return ChainPage(transfers, transfers[-1].ledger - 1, None)
        # The cursor of a page that is not full is the end of what was searched.
        searched = min(int(answer.cursor.partition("-")[0]) >> 32, answer.latest_ledger)
        if transfers and searched < transfers[-1].ledger:
            raise ValueError("the cursor is before the page's own events")
        closed = None
        if searched == answer.latest_ledger:
            closed = datetime.fromtimestamp(answer.latest_Ledger_close_time, UTC)
        return ChainPage(transfers, searched, closed)

    def _transfer(self, event: EventInfo) -> ChainTransfer:
        topics: list[Any] = [scval.to_native(topic) for topic in event.topic]
        kind = str(topics[0])
        if event.contract_id != self.contract or kind not in PARTIES:
            raise ValueError("an event that was not asked for")
        payer, payee = PARTIES[kind]
        amount, number = _moved(scval.to_native(event.value))
        return ChainTransfer(
            event.id,
            kind,
            event.transaction_hash,
            event.ledger,
            event.ledger_close_at.astimezone(UTC),
            None if payer is None else _address(topics[payer]),
            None if payee is None else _address(topics[payee]),
            number,
            amount,
        )


def connect(
    rpc_url: str, passphrase: str, usdc_issuer: str, treasuries: Sequence[str]
) -> TreasuryHistory:
    """Read through one RPC node."""
    node = SorobanServerAsync(rpc_url, AiohttpClient(post_timeout=CALL_SECONDS))
    return TreasuryHistory(node, passphrase, usdc_issuer, treasuries)


def _filter(contract: str, address: str) -> EventFilter:
    """Ask for every movement from or to one account."""
    party = scval.to_address(address).to_xdr()
    patterns: list[list[str]] = [
        [_word("transfer"), party, ANY, ANY],
        [_word("transfer"), ANY, party, ANY],
        *([_word(kind), party, ANY] for kind in ("mint", "burn", "clawback")),
    ]
    return EventFilter(type=EventFilterType.CONTRACT, contractIds=[contract], topics=patterns)


def _word(name: str) -> str:
    return scval.to_symbol(name).to_xdr()


def _moved(value: Any) -> tuple[int, int | None]:
    """Return the amount, and the muxed number if there is one: a memo of text is no number."""
    number = None
    if isinstance(value, dict):
        value, number = value["amount"], value.get("to_muxed_id")
    if not isinstance(value, int):
        raise TypeError("an event without an amount")
    return value, number if isinstance(number, int) else None


def _address(party: Any) -> str:
    if not isinstance(party, Address):
        raise TypeError("an event without its parties")
    text = party.address
    return MuxedAccount.from_account(text).account_id if text.startswith("M") else text


def _unread(what: str, error: Exception) -> str:
    """Name an error without its text, which may quote anything."""
    return f"the RPC node {what}: {type(error).__name__}"
