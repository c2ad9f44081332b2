"""
The RPC nodes of one network: which of them to ask, and which to send to.

Nodes fail, and nodes fall behind. A question goes to one that is well and not behind, and to the
next when it fails. Bytes go to one node at a time, and to another each time they are sent again.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar
from urllib.parse import urlsplit

from stellar_sdk.client.aiohttp_client import AiohttpClient
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import GetTransactionResponse, SendTransactionResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from domain.errors import ChainUnavailable

log = logging.getLogger(__name__)
Reply = TypeVar("Reply")
Call = Callable[[SorobanServerAsync], Awaitable[Reply]]

# Two behind is common right after a ledger closes; more is a node in trouble.
LAG_MAX_LEDGERS = 3
CALL_SECONDS = 10.0
# As long as another node can still be asked.
READ_SECONDS = 4.0
REST_SECONDS_MIN, REST_SECONDS_MAX = 0.5, 15.0
SENT_MAX = 4096
# The node understood the question and will not answer it: it is well.
ABOUT_THE_QUESTION = {-32600, -32601, -32602}
NO_HASH = "0" * 64


@dataclass(eq=False)
class Node:
    """One endpoint, and how it has been doing. Only its host is shown: a path may hold a key."""

    name: str
    server: SorobanServerAsync = field(repr=False)
    ledger: int = 0
    # The highest that it has shown since it may be asked.
    highest: int = 0
    lag: int = 0
    failures: int = 0
    rests_until: float = 0.0
    # A sentence that says why it is not asked at all.
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
    """All endpoints, and what is known of how far their network has come."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.all = list(nodes)
        # The ledger that the network is known to have reached, whatever the nodes say by now.
        self.known = 0
        self._turns = count()
        self._sent: OrderedDict[bytes, Node] = OrderedDict()

    @classmethod
    def from_urls(cls, urls: str) -> "Nodes":
        """The nodes of a comma-separated list."""
        distinct = dict.fromkeys(url.strip() for url in urls.split(","))
        return cls(
            [
                Node(
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
    def usable(self) -> list[Node]:
        return [node for node in self.all if not node.excluded_reason]

    @property
    def highest(self) -> int:
        """The highest ledger that is known, or that any node which may be asked has shown."""
        return max([self.known, *(node.highest for node in self.usable)])

    def exclude(self, node: Node, why: str) -> None:
        """
        Ask a node no longer, or again when there is no reason not to.

        Nothing of what it has shown counts any more: the others do not lag behind another chain.
        """
        node.excluded_reason, node.highest = why, 0
        highest = self.highest
        for other in self.usable:
            other.lag = min(other.lag, max(0, highest - other.ledger))

    def choose_best(self) -> Node:
        """The node to follow: well, and as far as any. Raises ChainUnavailable if none may be."""
        known = self.usable
        if not known:
            raise ChainUnavailable(
                "no RPC node is usable: all of them were excluded; see the lines with ALARM"
            )
        return min(
            known, key=lambda node: (node.is_resting, node.is_lagging, node.failures, -node.ledger)
        )

    async def ask(self, question: Call[Reply], *, at_least: int = 0) -> Reply:
        """
        Ask nodes in turn until one answers, as of a ledger no older than `at_least`.

        Raises ChainUnavailable when none does.
        """
        order = self._list_in_order()
        trouble = "none may be asked"
        for place, node in enumerate(order):
            last = place == len(order) - 1
            try:
                reply = await self.ask_node(node, question, CALL_SECONDS if last else READ_SECONDS)
            except Exception as error:
                trouble = type(error).__name__  # its text may quote what was sent
                continue
            ledger = getattr(reply, "latest_ledger", None)
            if ledger is None or ledger >= at_least:
                return reply
            trouble = f"{node.name} is at ledger {ledger}, behind {at_least}"
        raise ChainUnavailable(f"no RPC node answers: {trouble}")

    async def ask_node(
        self, node: Node, question: Call[Reply], seconds: float = CALL_SECONDS
    ) -> Reply:
        """Ask one node, and remember how it did; what it raises is the caller's."""
        highest = self.highest
        try:
            async with asyncio.timeout(seconds):
                reply = await question(node.server)
        except SorobanRpcErrorResponse as error:
            if error.code not in ABOUT_THE_QUESTION:
                self._record_failure(node, error)
            raise
        except Exception as error:
            self._record_failure(node, error)
            raise
        node.failures, node.rests_until = 0, 0.0
        ledger = getattr(reply, "latest_ledger", None)
        if ledger is not None:
            self._record_ledger(node, ledger, highest)
        return reply

    async def send(self, envelope_xdr: str, first: Node | None = None) -> SendTransactionResponse:
        """
        Send bytes to one node: at first to the one named, later to another than before.

        One that has shown the channel's last transaction will not think its sequence wrong.
        """
        key = hashlib.sha256(envelope_xdr.encode()).digest()
        before = self._sent.pop(key, None)
        node = self._choose_next(before) if before is not None else self._choose(first)
        self._sent[key] = node
        if len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
        return await self.ask_node(node, lambda server: server.send_transaction(envelope_xdr))

    def _list_in_order(self) -> list[Node]:
        """Everyone who may be asked: first the fit, each in turn; then those that lag or rest."""
        turn = next(self._turns)
        known = self.usable
        turned = known[turn % len(known) :] + known[: turn % len(known)] if known else []
        return sorted(
            turned, key=lambda node: (node.is_resting, node.lag if node.is_lagging else 0)
        )

    def _choose(self, wanted: Node | None) -> Node:
        return wanted if wanted is not None and wanted.is_healthy else self.choose_best()

    def _choose_next(self, before: Node) -> Node:
        place = self.all.index(before)
        others = [
            node for node in self.all[place + 1 :] + self.all[:place] if not node.excluded_reason
        ]
        fit = [node for node in others if node.is_healthy]
        if fit or before.is_healthy:
            return next(iter(fit), before)
        return others[0] if others else self.choose_best()

    def _record_failure(self, node: Node, error: Exception) -> None:
        rest = min(REST_SECONDS_MIN * 2 ** min(node.failures, 10), REST_SECONDS_MAX)
        node.failures += 1
        node.rests_until = time.monotonic() + rest
        if node.failures == 1:
            log.warning("%s does not answer: %s", node.name, type(error).__name__)

    def _record_ledger(self, node: Node, ledger: int, highest_before: int) -> None:
        """Note where a node is; it lags behind what was known before it was asked."""
        lagged = node.is_lagging
        node.ledger, node.lag = ledger, max(0, highest_before - ledger)
        if not node.excluded_reason:
            node.highest = max(node.highest, ledger)
        if node.is_lagging and not lagged:
            log.warning("%s is %d ledgers behind", node.name, node.lag)


async def get_ledger_range(server: SorobanServerAsync) -> GetTransactionResponse:
    """
    Ask which ledgers a node knows, and when they closed.

    Looking for a transaction that cannot exist is the one light question whose answer has it all,
    and that is still answered when the network stands still.
    """
    return await server.get_transaction(NO_HASH)
