"""
The transaction watcher: reads one page of transactions per ledger, for all payments in flight.

Calling for each payment would cost as many calls as there are payments; the number of calls here does
not depend on it. One node is followed. When it fails or falls behind, another one is followed, from the
last ledger that was read to its end.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stellar_sdk.soroban_rpc import GetTransactionsResponse, Transaction

from adapters.stellar.codes import results
from adapters.stellar.rpc.nodes import Nodes, RpcNode, get_ledger_range
from adapters.stellar.rpc.poll_intervals import PollInterval

log = logging.getLogger(__name__)
PAGE_SIZE = 200
LOOK_AGAIN_SECONDS = 1.0
PAGE_SECONDS = 4.0
RECENT_MAX = 4096


@dataclass(frozen=True, slots=True)
class LedgerInclusion:
    """A transaction in a ledger, with what decides a payment."""

    hash: str
    succeeded: bool
    result_xdr: str
    ledger: int
    closed_at_seconds: int
    # The diagnostic events of a failed contract call, if the node keeps them.
    diagnostics: tuple[str, ...] = ()
    envelope_xdr: str = ""
    # Who says so.
    node: RpcNode | None = field(default=None, compare=False)

    @property
    def paid(self) -> bool:
        """Tell whether money moved; a no-op transaction succeeds too, and pays nobody."""
        return self.succeeded and not results.parse(self.result_xdr).is_noop


def to_inclusion(shown: Transaction, node: RpcNode) -> LedgerInclusion:
    """Return what a node shows of a transaction on a page."""
    return LedgerInclusion(
        shown.transaction_hash,
        shown.status == "SUCCESS",
        shown.result_xdr,
        shown.ledger,
        shown.created_at,
        tuple(shown.diagnostic_events_xdr or ()),
        shown.envelope_xdr,
        node,
    )


class TransactionWatcher:
    """Resolves the future of each expected transaction hash as soon as a ledger shows it."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.node: RpcNode | None = None
        self.waiting: dict[str, asyncio.Future[LedgerInclusion]] = {}
        # A transaction may be included after it was sent and before anybody waits for it.
        self.recent: OrderedDict[str, LedgerInclusion] = OrderedDict()
        self.next_ledger = 0
        # Where reading goes on at the followed node: after a transaction, or from a ledger it has shown.
        self.cursor: int | None = None
        self.shown = 0
        self.poll_interval = PollInterval()
        self.task: asyncio.Task[None] | None = None

    @contextmanager
    def expect(self, hash_: str, since_ledger: int) -> Iterator["asyncio.Future[LedgerInclusion]"]:
        """Expect a hash inside this block; the watcher runs while any hash is expected."""
        seen: asyncio.Future[LedgerInclusion] = asyncio.get_running_loop().create_future()
        if hash_ in self.recent:
            seen.set_result(self.recent[hash_])
        self.waiting[hash_] = seen
        if self.task is None or self.task.done():
            self._restart()
            self.poll_interval.reset()
            self.next_ledger = since_ledger
            self.task = asyncio.create_task(self._run())
        try:
            yield seen
        finally:
            self.waiting.pop(hash_, None)

    async def _run(self) -> None:
        while self.waiting:
            node = self._follow()
            if node is None:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                continue
            try:
                page = await self._read_page(node)
            except Exception as error:
                # An error says nothing about any payment: read again, from another node.
                log.warning("cannot read ledgers from %s: %s", node.name, type(error).__name__)
                self._restart()
                # Wait first, unless there is another healthy node.
                other = self._follow()
                if other is None or other is node or not other.is_healthy:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                continue
            for transaction in page.transactions:
                self._record(to_inclusion(transaction, node))
            if not (self._advance(page) and len(page.transactions) >= PAGE_SIZE):
                # The page was the last one; after a restart, its last ledger is read again.
                self.shown = page.latest_ledger
                self.next_ledger = max(self.next_ledger, page.latest_ledger)
                await asyncio.sleep(
                    self.poll_interval.get_wait_seconds(page.latest_ledger, time.monotonic())
                )

    def _follow(self) -> RpcNode | None:
        """
        Return the node to follow: the same one while it is healthy, since a cursor is valid only there.

        None while all nodes are excluded.
        """
        if self.node is None or not self.node.is_healthy:
            best = self.nodes.choose_best() if self.nodes.usable else None
            if best is not self.node:
                self.node = best
                self._restart()
        return self.node

    def _restart(self) -> None:
        self.cursor, self.shown = None, 0

    def _advance(self, page: GetTransactionsResponse) -> bool:
        """
        Move the cursor behind the page; False when the page has no newer transaction.

        A node that has no more transactions may return any cursor: one before its last ledger, which
        would be read again, or an empty one, which it does not accept itself.
        """
        if not page.transactions or int(page.cursor) <= (self.cursor or 0):
            return False
        self.cursor = int(page.cursor)
        return True

    def forget(self, hash_: str) -> None:
        """Forget what a node has shown of a transaction, since it was not believed."""
        self.recent.pop(hash_, None)

    def _record(self, inclusion: LedgerInclusion) -> None:
        self.next_ledger = max(self.next_ledger, inclusion.ledger)
        self.recent[inclusion.hash] = inclusion
        if len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)
        future = self.waiting.get(inclusion.hash)
        if future is not None and not future.done():
            future.set_result(inclusion)

    async def _read_page(self, node: RpcNode) -> GetTransactionsResponse:
        cursor, start = self.cursor, self.shown
        if cursor is None and not start:
            place = await self.nodes.ask_node(node, get_ledger_range, PAGE_SECONDS)
            # A payment resumed after days may be older than what the node still keeps.
            newest, oldest = place.latest_ledger, place.oldest_ledger
            start = max(min(self.next_ledger or newest, newest), oldest)
        return await self.nodes.ask_node(
            node,
            lambda server: server.get_transactions(
                start_ledger=None if cursor else start,
                cursor=str(cursor) if cursor else None,
                limit=PAGE_SIZE,
            ),
            PAGE_SECONDS,
        )

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
