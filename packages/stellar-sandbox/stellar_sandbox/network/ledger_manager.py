"""The ledger: its entries, how it closes, and the past states that it retains."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import orjson

from stellar_sandbox.contracts.host import Contract
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.envelopes.transaction_result import TransactionRefused
from stellar_sandbox.ledger import entry_codec
from stellar_sandbox.ledger.entries import LedgerEntry, LedgerKey
from stellar_sandbox.ledger.ledger_header import PROTOCOL_VERSION, LedgerHeader, build_ledger_header
from stellar_sandbox.ledger.ledger_store import LedgerStore, TransactionRecord
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.surge_pricing import SurgePricing, keep_best_bids
from stellar_sandbox.transactions.transaction_execution import TransactionExecution
from stellar_sandbox.transactions.transaction_validity import LedgerContext, check_valid

RETAINED_STATES = 32  # ledgers that a lagging node can answer from
PRUNE_EVERY = 1_000


class GenesisMismatch(ValueError):
    """The data directory belongs to another genesis."""


class HistoricalLedgerTxn(LedgerTxn):
    """The entries as they were at an older ledger, for a node that lags."""

    def __init__(
        self, root: LedgerTxn, undo: list[dict[LedgerKey, LedgerEntry | None]], ledger: int
    ) -> None:
        super().__init__(root, ledger)
        self._undo = undo

    def get(self, key: LedgerKey) -> LedgerEntry | None:
        for before in self._undo:
            if key in before:
                return before[key]
        return super().get(key)


class Ledger:
    def __init__(
        self, genesis: Genesis, data_dir: Path | None, retention: int, now: Callable[[], float]
    ) -> None:
        self.passphrase = genesis.passphrase
        self.retention = retention
        self.surge_pricing = SurgePricing()
        self.frozen: frozenset[str] = frozenset()  # accounts that no transaction may touch (CAP-77)
        self.store = LedgerStore(data_dir)
        self.root = LedgerTxn()
        self.contracts: dict[str, Contract] = {
            contract.build_instance(genesis.passphrase).contract: contract
            for contract in genesis.build_contracts()
        }
        self.undo: dict[int, dict[LedgerKey, LedgerEntry | None]] = {}
        self._open(genesis, int(now()))
        header = self.store.read_header()
        assert header is not None
        self.last_closed = header
        self.protocol = header.protocol
        self.first_sequence = self.store.read_first_sequence()
        self.recent_headers = {header.sequence: header}
        self.root.ledger = header.sequence

    def _open(self, genesis: Genesis, now: int) -> None:
        digest = self.store.read_state("genesis")
        if digest is not None and digest != genesis.digest:
            raise GenesisMismatch(
                "The data directory was made from another genesis file or network passphrase;"
                " give the one it was made from, or an empty directory."
            )
        if digest is None:
            entries: dict[LedgerKey, LedgerEntry | None] = {}
            for entry in genesis.build_entries():
                self.root.put(entry)
                entries[entry.key] = self.root.changes[entry.key]
            header = build_ledger_header(None, now, b"", genesis.digest.encode(), PROTOCOL_VERSION)
            self.store.write_close(header, entries, [], [("genesis", genesis.digest)])
        self.root.changes = dict(self.store.load_entries())

    @property
    def oldest_sequence(self) -> int:
        return max(self.first_sequence, self.last_closed.sequence - self.retention + 1)

    @property
    def retained_states(self) -> int:
        """How many ledgers back the entries are still known."""
        return len(self.undo)

    def get_header(self, sequence: int) -> LedgerHeader:
        header = self.recent_headers.get(sequence) or self.store.read_header(sequence)
        assert header is not None
        return header

    def get_ledger_txn(self, sequence: int) -> LedgerTxn:
        """Return the entries as of a ledger."""
        if sequence >= self.last_closed.sequence:
            return self.root
        later = range(sequence + 1, self.last_closed.sequence + 1)
        return HistoricalLedgerTxn(self.root, [self.undo[number] for number in later], sequence)

    def close(self, candidates: list[TransactionFrame], close_time: int) -> LedgerCloseResult:
        """Close a ledger with the best bids among the candidates."""
        number = self.last_closed.sequence + 1
        ledger_context = LedgerContext(number, close_time, close_time, self.frozen)
        ltx = LedgerTxn(self.root, number)
        close_result = LedgerCloseResult()
        selected = self.surge_pricing.select(
            keep_best_bids(self._filter_valid(candidates, ledger_context))
        )
        executions = [
            TransactionExecution(
                envelope, ltx, ledger_context, self.passphrase, self.contracts, inclusion_fee
            )
            for envelope, inclusion_fee in sorted(
                selected, key=lambda item: self._derive_apply_order(item[0])
            )
        ]
        for execution in executions:
            execution.charge()
        for execution in executions:
            execution.apply()
        close_result.records = [
            _build_record(execution, index + 1) for index, execution in enumerate(executions)
        ]
        close_result.applied = [execution.envelope for execution in executions]
        self._commit_close(ltx, close_time, close_result.records)
        return close_result

    def rehearse(
        self, envelope: TransactionFrame, close_time: int, position: int
    ) -> TransactionRecord:
        """Return what the next ledger would make of a transaction, and change nothing."""
        number = self.last_closed.sequence + 1
        execution = TransactionExecution(
            envelope,
            LedgerTxn(self.root, number),
            LedgerContext(number, close_time, close_time, self.frozen),
            self.passphrase,
            self.contracts,
            envelope.inclusion_fee,
        )
        execution.charge()
        execution.apply()
        return _build_record(execution, position)

    def change_entries(
        self,
        entries: list[LedgerEntry],
        removed: list[LedgerKey],
        close_time: int,
        persistent_state: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Close a ledger that changes entries without a transaction (friendbot, faults)."""
        ltx = LedgerTxn(self.root, self.last_closed.sequence + 1)
        for entry in entries:
            ltx.put(entry)
        for key in removed:
            ltx.remove(key)
        self._commit_close(ltx, close_time, [], persistent_state)

    def _derive_apply_order(self, envelope: TransactionFrame) -> bytes:
        """Return the sort key of a transaction: the order within a ledger is random."""
        return sha256(bytes.fromhex(self.last_closed.hash) + envelope.hash).digest()

    def _filter_valid(
        self, candidates: list[TransactionFrame], ledger_context: LedgerContext
    ) -> list[TransactionFrame]:
        """Return the valid candidates; a lagging node may propose an applied one."""
        valid = []
        for envelope in candidates:
            with suppress(TransactionRefused):
                check_valid(envelope, self.root, ledger_context)
                valid.append(envelope)
        return valid

    def _commit_close(
        self,
        ltx: LedgerTxn,
        close_time: int,
        records: list[TransactionRecord],
        persistent_state: Iterable[tuple[str, str]] = (),
    ) -> None:
        before = {key: self.root.get(key) for key in ltx.changes}
        results = b"".join(sha256(record.body).digest() for record in records)
        changes = b"".join(
            entry_codec.encode_ledger_entry(entry) if entry else entry_codec.encode_ledger_key(key)
            for key, entry in ltx.changes.items()
        )
        header = build_ledger_header(self.last_closed, close_time, results, changes, self.protocol)
        # On disk first: what a client was answered must still be true after a crash.
        self.store.write_close(header, ltx.changes, records, persistent_state)
        ltx.commit()
        self.undo[header.sequence] = before
        self.last_closed = header
        self.recent_headers[header.sequence] = header
        self.root.ledger = header.sequence
        self.undo.pop(header.sequence - RETAINED_STATES, None)
        self.recent_headers.pop(header.sequence - RETAINED_STATES, None)
        if header.sequence % PRUNE_EVERY == 0 and self.oldest_sequence > self.first_sequence:
            self.store.delete_before(self.oldest_sequence)
            self.first_sequence = self.store.read_first_sequence()


class LedgerCloseResult:
    """The transactions that a ledger applied, and their records."""

    def __init__(self) -> None:
        self.applied: list[TransactionFrame] = []
        self.records: list[TransactionRecord] = []


def _build_record(execution: TransactionExecution, index: int) -> TransactionRecord:
    envelope = execution.envelope
    result, meta = execution.encode_result(), execution.meta.pack()
    body = {
        "status": "SUCCESS" if execution.code == 0 else "FAILED",
        "applicationOrder": index,
        "feeBump": envelope.is_fee_bump,
        "envelopeXdr": envelope.text,
        "resultXdr": _encode_base64(result),
        "resultMetaXdr": _encode_base64(meta),
        "diagnosticEventsXdr": [_encode_base64(item) for item in execution.meta.diagnostics],
        "events": {
            "transactionEventsXdr": [
                _encode_base64(item) for item in execution.meta.transaction_events
            ],
            "contractEventsXdr": [
                [_encode_base64(item) for item in events]
                for events in execution.meta.operation_events
            ],
        },
        "ledger": execution.ledger_context.ledger,
    }
    return TransactionRecord(
        ledger=execution.ledger_context.ledger,
        position=index,
        hash=envelope.hash,
        inner_hash=envelope.inner_hash,
        created_at=execution.ledger_context.close_time,
        soroban=envelope.is_soroban,
        body=orjson.dumps(body)[1:-1],
    )


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
