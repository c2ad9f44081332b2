"""
The RPC nodes of one network: which of them to call, and which to send transactions to.

Nodes fail, and nodes fall behind. A call goes to a healthy node that is not behind, and to the next one
when it fails. A transaction goes to one node at a time, and to another one when it is sent again.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

from stellar_sdk import soroban_rpc
from stellar_sdk.client.aiohttp_client import AiohttpClient
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import GetTransactionResponse, SendTransactionResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rpc.ledger_clock import LedgerClock
from domain.errors import ChainUnavailable

log = logging.getLogger(__name__)
Reply = TypeVar("Reply")
Call = Callable[[SorobanServerAsync], Awaitable[Reply]]

# Two behind is common right after a ledger closes; more is a node in trouble.
LAG_MAX_LEDGERS = 3
CALL_SECONDS = 10.0
# The timeout while another node can still be called.
READ_SECONDS = 4.0
REST_SECONDS_MIN, REST_SECONDS_MAX = 0.5, 15.0
SENT_MAX = 4096
# JSON-RPC codes of a wrong request: the node that answers them is healthy.
REQUEST_ERRORS = {-32600, -32601, -32602}
NO_HASH = "0" * 64
# The SDK wraps each call and each answer in a generic model, which pydantic forgets as soon as nobody refers to
# it: built anew for each call, it takes longer than the rest of the call does here.
KEPT_MODELS = (
    soroban_rpc.Response[Any],
    soroban_rpc.Request[soroban_rpc.GetEventsRequest],
    soroban_rpc.Request[soroban_rpc.GetLedgerEntriesRequest],
    soroban_rpc.Request[soroban_rpc.GetLedgersRequest],
    soroban_rpc.Request[soroban_rpc.GetTransactionRequest],
    soroban_rpc.Request[soroban_rpc.GetTransactionsRequest],
    soroban_rpc.Request[soroban_rpc.SendTransactionRequest],
    soroban_rpc.Request[soroban_rpc.SimulateTransactionRequest],
)


@dataclass(eq=False)
class RpcNode:
    """One RPC endpoint and its health. Only its host is shown, because a path may hold a key."""

    name: str
    server: SorobanServerAsync = field(repr=False)
    ledger: int = 0
    # The highest ledger that it has shown since it was last excluded.
    highest: int = 0
    lag: int = 0
    failures: int = 0
    rests_until: float = 0.0
    # Why it is not called at all; empty for a node in use.
    excluded_reason: str = ""

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self.rests_until

    @property
    def is_lagging(self) -> bool:
        return self.lag > LAG_MAX_LEDGERS

    @property
    def is_healthy(self) -> bool:
        return not (self.excluded_reason or self.is_resting or self.is_lagging)


class Nodes:
    """All RPC nodes of a network, and the newest ledger known of it."""

    def __init__(self, nodes: Sequence[RpcNode]) -> None:
        self.all = list(nodes)
        # A ledger that the network has reached, whatever the nodes show now.
        self.known = 0
        self.clock = LedgerClock()
        self._turns = count()
        self._sent: OrderedDict[bytes, RpcNode] = OrderedDict()

    @classmethod
    def from_urls(cls, urls: str) -> "Nodes":
        """Return the nodes of a comma-separated list of URLs."""
        distinct = dict.fromkeys(url.strip() for url in urls.split(","))
        return cls(
            [
                RpcNode(
                    f"node {number} ({urlsplit(url).hostname})",
                    SorobanServerAsync(url, AiohttpClient(post_timeout=CALL_SECONDS)),
                )
                for number, url in enumerate(distinct, 1)
            ]
        )

    async def close(self) -> None:
        for node in self.all:
            await node.server.close()

    @property
    def usable(self) -> list[RpcNode]:
        return [node for node in self.all if not node.excluded_reason]

    @property
    def highest(self) -> int:
        """The highest ledger that is known, or that any node in use has shown."""
        return max([self.known, *(node.highest for node in self.usable)])

    def exclude(self, node: RpcNode, reason: str) -> None:
        """
        Exclude a node for a reason, or include it again when the reason is empty.

        The ledgers it has shown do not count any more: other nodes do not lag behind another chain.
        """
        node.excluded_reason, node.highest = reason, 0
        highest = self.highest
        for other in self.usable:
            other.lag = min(other.lag, max(0, highest - other.ledger))

    def choose_best(self) -> RpcNode:
        """Return the healthiest node with the newest ledger. Raises ChainUnavailable if all are excluded."""
        usable = self.usable
        if not usable:
            raise ChainUnavailable("every RPC node is excluded; read the log lines with ALARM")
        return min(
            usable, key=lambda node: (node.is_resting, node.is_lagging, node.failures, -node.ledger)
        )

    async def ask(self, question: Call[Reply], *, at_least: int = 0) -> Reply:
        """
        Call nodes in turn until one answers with a ledger no older than `at_least`.

        Raises ChainUnavailable when none does.
        """
        return (await self.ask_any(question, at_least=at_least))[1]

    async def ask_any(self, question: Call[Reply], *, at_least: int = 0) -> tuple[RpcNode, Reply]:
        """Call nodes in turn as `ask` does, and return with the reply the node that gave it."""
        order = self._list_in_order()
        problem = "all of them are excluded"
        for place, node in enumerate(order):
            last = place == len(order) - 1
            try:
                reply = await self.ask_node(node, question, CALL_SECONDS if last else READ_SECONDS)
            except Exception as error:
                problem = type(error).__name__  # its text may quote what was sent
                continue
            ledger = getattr(reply, "latest_ledger", None)
            if ledger is None or ledger >= at_least:
                return node, reply
            problem = f"{node.name} is at ledger {ledger}, behind {at_least}"
        raise ChainUnavailable(f"no RPC node answers: {problem}")

    async def ask_node(
        self, node: RpcNode, question: Call[Reply], seconds: float = CALL_SECONDS
    ) -> Reply:
        """Call one node and record its health; its errors are raised to the caller."""
        highest = self.highest
        try:
            async with asyncio.timeout(seconds):
                reply = await question(node.server)
        except SorobanRpcErrorResponse as error:
            if error.code not in REQUEST_ERRORS:
                self._record_failure(node, error)
            raise
        except Exception as error:
            self._record_failure(node, error)
            raise
        node.failures, node.rests_until = 0, 0.0
        ledger = getattr(reply, "latest_ledger", None)
        if ledger is not None:
            self._record_ledger(node, ledger, highest)
            if not node.excluded_reason:
                self.clock.record(node.name, ledger, reply)
        return reply

    async def read_ledger_time(self) -> datetime:
        """Return the time by the ledgers, for the time bounds of transactions."""
        if self.clock.get_time() is None:
            await self.ask(get_ledger_range)
        return self.clock.get_time() or datetime.now(UTC)

    async def send(
        self, envelope_xdr: str, first: RpcNode | None = None
    ) -> SendTransactionResponse:
        """
        Send a transaction to one node: first to the given one, later to another than before.

        A node that has shown the channel's last transaction will not refuse the next sequence.
        """
        key = hashlib.sha256(envelope_xdr.encode()).digest()
        before = self._sent.pop(key, None)
        node = self._choose_next(before) if before is not None else self._choose(first)
        self._sent[key] = node
        if len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
        return await self.ask_node(node, lambda server: server.send_transaction(envelope_xdr))

    def _list_in_order(self) -> list[RpcNode]:
        """Return the nodes in use: first the healthy ones, in rotation; then those that lag or rest."""
        usable, turn = self.usable, next(self._turns)
        start = turn % len(usable) if usable else 0
        rotated = usable[start:] + usable[:start]
        return sorted(
            rotated, key=lambda node: (node.is_resting, node.lag if node.is_lagging else 0)
        )

    def _choose(self, wanted: RpcNode | None) -> RpcNode:
        return wanted if wanted is not None and wanted.is_healthy else self.choose_best()

    def _choose_next(self, before: RpcNode) -> RpcNode:
        place = self.all.index(before)
        others = [
            node for node in self.all[place + 1 :] + self.all[:place] if not node.excluded_reason
        ]
        fit = [node for node in others if node.is_healthy]
        if fit or before.is_healthy:
            return next(iter(fit), before)
        return others[0] if others else self.choose_best()

    def _record_failure(self, node: RpcNode, error: Exception) -> None:
        rest = min(REST_SECONDS_MIN * 2 ** min(node.failures, 10), REST_SECONDS_MAX)
        node.failures += 1
        node.rests_until = time.monotonic() + rest
        if node.failures == 1:
            log.warning("%s does not answer: %s", node.name, type(error).__name__)

    def _record_ledger(self, node: RpcNode, ledger: int, highest_before: int) -> None:
        """Record a node's ledger; its lag is measured against what was known before the call."""
        lagged = node.is_lagging
        node.ledger, node.lag = ledger, max(0, highest_before - ledger)
        if not node.excluded_reason:
            node.highest = max(node.highest, ledger)
        if node.is_lagging and not lagged:
            log.warning("%s is %d ledgers behind", node.name, node.lag)


async def get_ledger_range(server: SorobanServerAsync) -> GetTransactionResponse:
    """
    Return the oldest and the newest ledger of a node, and when they closed.

    getTransaction for a hash that cannot exist is the one cheap call that returns all of this, and
    that nodes answer even when the network has stopped.
    """
    return await server.get_transaction(NO_HASH)
