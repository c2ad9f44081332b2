"""
Watch ledgers close, one page of transactions per ledger for all payments in flight.

Asking for each payment by itself would cost as many calls as there are payments; the number of
calls here does not depend on it. One node is followed; when it fails or falls behind, another is,
from the last ledger that was told to its end.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stellar_sdk.soroban_rpc import GetTransactionsResponse

from adapters.stellar.codes import results
from adapters.stellar.rpc.nodes import Node, Nodes, get_ledger_range
from adapters.stellar.rpc.poll_intervals import PollInterval

log = logging.getLogger(__name__)
PAGE_SIZE = 200
LOOK_AGAIN_SECONDS = 1.0
PAGE_SECONDS = 4.0
RECENT_MAX = 4096


@dataclass(frozen=True, slots=True)
class LedgerInclusion:
    """A transaction in a ledger: what is needed of it to decide a payment."""

    hash: str
    succeeded: bool
    result_xdr: str
    ledger: int
    closed_at_seconds: int
    # What its node logged of a failed contract call, if it logs.
    diagnostics: tuple[str, ...] = ()

    @property
    def paid(self) -> bool:
        """Tell whether money moved; a void is applied as well, and pays nobody."""
        return self.succeeded and not results.parse(self.result_xdr).is_noop


class TransactionWatcher:
    """Tells whoever waits for a transaction hash as soon as it is seen in a ledger."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.node: Node | None = None
        self.waiting: dict[str, asyncio.Future[LedgerInclusion]] = {}
        # A transaction may land after it was sent and before anybody waits for it.
        self.recent: OrderedDict[str, LedgerInclusion] = OrderedDict()
        self.next_ledger = 0
        # Where the node that is followed goes on: after a transaction, or from a ledger it has shown.
        self.cursor: int | None = None
        self.shown = 0
        self.poll_interval = PollInterval()
        self.task: asyncio.Task[None] | None = None

    @contextmanager
    def expect(self, hash_: str, since_ledger: int) -> Iterator["asyncio.Future[LedgerInclusion]"]:
        """Wait for a hash inside this block; the watch runs while anybody waits."""
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
                # Whatever went wrong says nothing about any payment: look again, elsewhere.
                log.warning("cannot read ledgers from %s: %s", node.name, type(error).__name__)
                self._restart()
                # In no hurry, unless there is another that may well answer.
                other = self._follow()
                if other is None or other is node or not other.is_healthy:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                continue
            for transaction in page.transactions:
                landing = LedgerInclusion(
                    transaction.transaction_hash,
                    transaction.status == "SUCCESS",
                    transaction.result_xdr,
                    transaction.ledger,
                    transaction.created_at,
                    tuple(transaction.diagnostic_events_xdr or ()),
                )
                self._record(transaction.transaction_hash, landing)
            if not (self._advance(page) and len(page.transactions) >= PAGE_SIZE):
                # All of them were told; the last is told again to whoever begins anew.
                self.shown = page.latest_ledger
                self.next_ledger = max(self.next_ledger, page.latest_ledger)
                await asyncio.sleep(
                    self.poll_interval.get_wait_seconds(page.latest_ledger, time.monotonic())
                )

    def _follow(self) -> Node | None:
        """
        Stay with a node for as long as it is well; a page's cursor is only good there.

        None while all nodes are left out: what a wrong network tells is not waited for.
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
        Go on after the last transaction that was told, and tell whether that was news.

        A node that has told all there is may answer any cursor: one before its last ledger, which
        is then told again, or none, which it does not take itself.
        """
        if not page.transactions or int(page.cursor) <= (self.cursor or 0):
            return False
        self.cursor = int(page.cursor)
        return True

    def _record(self, hash_: str, landing: LedgerInclusion) -> None:
        self.next_ledger = max(self.next_ledger, landing.ledger)
        self.recent[hash_] = landing
        if len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)
        future = self.waiting.get(hash_)
        if future is not None and not future.done():
            future.set_result(landing)

    async def _read_page(self, node: Node) -> GetTransactionsResponse:
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
