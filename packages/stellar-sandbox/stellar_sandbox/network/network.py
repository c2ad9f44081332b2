"""The network: one ledger, the nodes that serve it, and the loop that closes ledgers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from stellar_sandbox.contracts.host import Contract
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.faults import ledger_faults
from stellar_sandbox.faults.fault_plan import FaultPlan
from stellar_sandbox.ledger.entries import AccountEntry, ContractDataEntry, LedgerEntry, LedgerKey
from stellar_sandbox.ledger.ledger_header import LedgerHeader
from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.network.fee_window import LedgerFees
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.ledger_manager import RETAINED_STATES, Ledger, LedgerCloseResult
from stellar_sandbox.network.transaction_queue import TransactionQueue
from stellar_sandbox.transactions.transaction_validity import LedgerContext

FRIENDBOT_AMOUNT = 10_000 * 10_000_000
MANUAL_CLOSE_SECONDS = 5.0
FEE_WINDOW_LEDGERS = 50
DEFAULT_RETENTION = 120_960
KEPT_FROM = 100_000  # the position in a ledger of the first transaction that was kept out of it


@dataclass(frozen=True, slots=True)
class Settings:
    genesis: Genesis
    data_dir: Path | None = None
    close_seconds: float = 1.0  # 0: ledgers close only when asked to
    nodes: int = 3
    retention: int = DEFAULT_RETENTION
    clock: Callable[[], float] = time.time


class Network:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock_offset = 0  # seconds by which the validators' clocks differ from ours
        self.ledger = Ledger(
            settings.genesis, settings.data_dir, settings.retention, settings.clock
        )
        self.nodes = [Node(self, index) for index in range(settings.nodes)]
        # What recent ledgers applied, for nodes that lag behind them.
        self.applied: dict[int, list[TransactionFrame]] = {}
        self.fee_window: deque[LedgerFees] = deque(maxlen=FEE_WINDOW_LEDGERS)
        self.faults = FaultPlan()
        # How often each RPC method was called, on any node.
        self.calls: Counter[str] = Counter()
        self.halted = False
        # Transactions that a lying node took and never passed on, as they would have been applied.
        self.kept: list[TransactionRecord] = []
        self._closed = asyncio.Event()
        self._active_ledger_faults = ledger_faults.decode_active_faults(
            self.ledger.store.read_state(ledger_faults.STATE_KEY)
        )
        # A restart ends every fault, also those that changed ledger entries.
        for fault in list(self._active_ledger_faults):
            self.end_ledger_fault(*fault)

    def clock(self) -> float:
        """Return the validators' time, in seconds since 1970."""
        return self.settings.clock() + self.clock_offset

    @property
    def passphrase(self) -> str:
        return self.ledger.passphrase

    async def run(self) -> None:
        """Close a ledger every `close_seconds`, for as long as the task runs."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.settings.close_seconds:
            due = max(due + self.settings.close_seconds, loop.time())
            await asyncio.sleep(due - loop.time())
            if not self.halted:
                self.close_ledger()

    def close_ledger(self) -> LedgerCloseResult:
        close_result = self.ledger.close(self._collect_candidates(), self.compute_close_time())
        self.fee_window.append(LedgerFees.collect(close_result))
        sequence = self.ledger.last_closed.sequence
        self.applied[sequence] = close_result.applied
        self.applied.pop(sequence - RETAINED_STATES, None)
        self._notify_nodes()
        return close_result

    def keep_transaction(self, envelope: TransactionFrame) -> None:
        """Keep a transaction out of every ledger, with what the next one would have made of it."""
        if all(record.hash != envelope.hash for record in self.kept):
            close_time = self.compute_close_time()
            self.kept.append(self.ledger.rehearse(envelope, close_time, KEPT_FROM + len(self.kept)))

    async def wait_for_close(self) -> None:
        """Wait until the next ledger has closed."""
        await self._closed.wait()

    def compute_close_time(self) -> int:
        last, now = self.ledger.last_closed.close_time, int(self.clock())
        # Close times increase, except with less than a second between ledgers.
        faster_than_clock = 0 < self.settings.close_seconds < 1
        return max(now, last if faster_than_clock else last + 1)

    def change_entries(
        self,
        entries: list[LedgerEntry],
        removed: list[LedgerKey],
        persistent_state: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Close a ledger that changes entries without a transaction."""
        self.ledger.change_entries(entries, removed, self.compute_close_time(), persistent_state)
        self._notify_nodes()

    def begin_ledger_fault(self, kind: str, address: str) -> None:
        """Change the ledger for a fault, and store with it what has to be reverted."""
        fault = (kind, address)
        self._active_ledger_faults.append(fault)
        changes = ledger_faults.begin_fault(fault, self.settings.genesis.asset, self.ledger.root)
        self.change_entries(
            *changes, [ledger_faults.encode_active_faults(self._active_ledger_faults)]
        )

    def end_ledger_fault(self, kind: str, address: str) -> None:
        """Revert what such a fault changed."""
        fault = (kind, address)
        self._active_ledger_faults.remove(fault)
        changes = ledger_faults.end_fault(fault, self.settings.genesis.asset, self.ledger.root)
        self.change_entries(
            *changes, [ledger_faults.encode_active_faults(self._active_ledger_faults)]
        )

    def deploy(self, instance: ContractDataEntry, contract: Contract) -> None:
        """Deploy a contract as native code under the contract id of its instance entry."""
        self.ledger.contracts[instance.contract] = contract
        if self.ledger.root.get(instance.key) is None:
            self.change_entries([instance], [])

    def fund_account(self, address: str) -> bool:
        """Create and fund an account; return False if it exists."""
        if self.ledger.root.load_account(address) is not None:
            return False
        sequence = self.ledger.last_closed.sequence + 1
        self.change_entries([AccountEntry(address, FRIENDBOT_AMOUNT, sequence << 32)], [])
        return True

    def _collect_candidates(self) -> list[TransactionFrame]:
        """Return every transaction that is queued at any node, once."""
        queued = {
            envelope.hash: envelope for node in self.nodes for envelope in node.queue.envelopes
        }
        return list(queued.values())

    def _notify_nodes(self) -> None:
        for node in self.nodes:
            node.catch_up()
        self._closed.set()
        self._closed = asyncio.Event()

    def close(self) -> None:
        self.ledger.store.close()


class Node:
    """One RPC node, with its own transaction queue and, if it lags, its own last closed ledger."""

    def __init__(self, network: Network, index: int) -> None:
        self.network = network
        self.index = index
        self.queue = TransactionQueue(network.ledger.surge_pricing)
        self.lag = 0
        self.history_lag = 0  # ledgers whose entries it has, but not yet their transactions
        self.filtered: frozenset[str] = frozenset()  # accounts whose transactions it alone refuses
        self.claimed_protocol = 0  # the protocol version that it reports, if not the network's
        self.history_start = 0  # its first ledger, if it lost older history
        # The last ledger that its queue was shifted for.
        self._followed = network.ledger.last_closed.sequence

    @property
    def last_closed(self) -> LedgerHeader:
        ledger = self.network.ledger
        return ledger.get_header(
            ledger.last_closed.sequence - min(self.lag, ledger.retained_states)
        )

    @property
    def history_header(self) -> LedgerHeader:
        """The last ledger of this node's transaction history."""
        ledger = self.network.ledger
        lag = min(self.lag + self.history_lag, ledger.retained_states)
        return ledger.get_header(ledger.last_closed.sequence - lag)

    @property
    def protocol(self) -> int:
        return self.claimed_protocol or self.network.ledger.protocol

    @property
    def oldest_header(self) -> LedgerHeader:
        """The first ledger of this node's history."""
        ledger = self.network.ledger
        sequence = max(
            ledger.oldest_sequence, min(self.history_start, self.history_header.sequence)
        )
        return ledger.get_header(sequence)

    @property
    def ltx(self) -> LedgerTxn:
        return self.network.ledger.get_ledger_txn(self.last_closed.sequence)

    def catch_up(self) -> None:
        """Shift the queue for each ledger that this node closed since the last call."""
        ledger = self.network.ledger
        while self._followed < self.last_closed.sequence:
            self._followed += 1
            closed = ledger.get_header(self._followed)
            applied = self.network.applied.get(closed.sequence, [])
            self.queue.shift(
                applied,
                ledger.get_ledger_txn(closed.sequence),
                self.build_next_ledger_context(closed),
            )

    def build_next_ledger_context(self, header: LedgerHeader) -> LedgerContext:
        """Return the context of the next ledger, and until when a transaction must be valid.

        That is two closes later, plus the time by which the node is late.
        """
        now = self.network.clock()
        expected = self.network.settings.close_seconds or MANUAL_CLOSE_SECONDS
        close_time = max(header.close_time + 1, int(now))
        latest = header.close_time + int(2 * expected + max(0.0, now - header.close_time))
        frozen = self.network.ledger.frozen
        return LedgerContext(header.sequence + 1, close_time, max(latest, close_time), frozen)
