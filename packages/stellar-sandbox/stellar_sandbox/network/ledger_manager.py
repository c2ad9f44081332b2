"""The ledger itself: its state, its closing, and what it still remembers of its past."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import orjson

from stellar_sandbox.contracts.host import Contract
from stellar_sandbox.envelopes.transaction_frame import Envelope
from stellar_sandbox.envelopes.transaction_result import Refused
from stellar_sandbox.ledger.entries import Entry, Key
from stellar_sandbox.ledger.ledger_header import PROTOCOL_VERSION, Head, build_head
from stellar_sandbox.ledger.ledger_store import Record, Store
from stellar_sandbox.ledger.ledger_txn import State
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.surge_pricing import Lanes, best_bids
from stellar_sandbox.transactions.transaction_execution import Execution
from stellar_sandbox.transactions.transaction_validity import Moment, check_envelope

REMEMBERED = 32  # ledgers that a lagging node can still answer from
PRUNE_EVERY = 1_000


class WrongWorld(ValueError):
    """A data directory that belongs to another genesis, said in one sentence."""


class Past(State):
    """The state as it was at an older ledger, for a node that lags behind."""

    def __init__(self, root: State, undo: list[dict[Key, Entry | None]], ledger: int) -> None:
        super().__init__(root, ledger)
        self._undo = undo

    def get(self, key: Key) -> Entry | None:
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
        self.lanes = Lanes()
        self.frozen: frozenset[str] = frozenset()  # accounts that no transaction may touch
        self.store = Store(data_dir)
        self.root = State()
        self.contracts: dict[str, Contract] = {
            contract.instance(genesis.passphrase).contract: contract
            for contract in genesis.contracts()
        }
        self.undo: dict[int, dict[Key, Entry | None]] = {}
        self._open(genesis, int(now()))
        head = self.store.head()
        assert head is not None
        self.head = head
        self.protocol = head.protocol
        self.first = self.store.first_sequence()
        self.heads = {head.sequence: head}
        self.root.ledger = head.sequence

    def _open(self, genesis: Genesis, now: int) -> None:
        known = self.store.fact("genesis")
        if known is not None and known != genesis.digest:
            raise WrongWorld(
                "The data directory was made from another genesis file or network passphrase;"
                " give the one it was made from, or an empty directory."
            )
        if known is None:
            entries: dict[Key, Entry | None] = {}
            for entry in genesis.entries():
                self.root.put(entry)
                entries[entry.key] = self.root.changes[entry.key]
            head = build_head(None, now, b"", genesis.digest.encode(), PROTOCOL_VERSION)
            self.store.save_close(head, entries, [], [("genesis", genesis.digest)])
        self.root.changes = dict(self.store.load_entries())

    @property
    def oldest(self) -> int:
        return max(self.first, self.head.sequence - self.retention + 1)

    @property
    def reach(self) -> int:
        """How many ledgers back the state is still known."""
        return len(self.undo)

    def head_at(self, sequence: int) -> Head:
        head = self.heads.get(sequence) or self.store.head(sequence)
        assert head is not None
        return head

    def state_at(self, sequence: int) -> State:
        """The state a node saw when this was its last ledger."""
        if sequence >= self.head.sequence:
            return self.root
        later = range(sequence + 1, self.head.sequence + 1)
        return Past(self.root, [self.undo[number] for number in later], sequence)

    def close(self, candidates: list[Envelope], close_time: int) -> Closing:
        """Close a ledger over the best of what is queued."""
        number = self.head.sequence + 1
        moment = Moment(number, close_time, close_time, self.frozen)
        sheet = State(self.root, number)
        closing = Closing()
        chosen = self.lanes.choose(best_bids(self._valid(candidates, moment)))
        runs = [
            Execution(envelope, sheet, moment, self.passphrase, self.contracts, charge)
            for envelope, charge in sorted(chosen, key=lambda item: self._lot(item[0]))
        ]
        for run in runs:
            run.charge()
        for run in runs:
            run.apply()
        closing.records = [_record(run, place + 1) for place, run in enumerate(runs)]
        closing.applied = [run.envelope for run in runs]
        self._settle(sheet, close_time, closing.records)
        return closing

    def change(
        self,
        entries: list[Entry],
        removed: list[Key],
        close_time: int,
        facts: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Change the world from outside, as no client could: a friendbot's gift, a fault."""
        sheet = State(self.root, self.head.sequence + 1)
        for entry in entries:
            sheet.put(entry)
        for key in removed:
            sheet.remove(key)
        self._settle(sheet, close_time, [], facts)

    def _lot(self, envelope: Envelope) -> bytes:
        """The order within a ledger is drawn, so that nobody can rely on it."""
        return sha256(bytes.fromhex(self.head.hash) + envelope.hash).digest()

    def _valid(self, candidates: list[Envelope], moment: Moment) -> list[Envelope]:
        """Those that the newest ledger bears; a lagging node may propose what it has applied."""
        valid = []
        for envelope in candidates:
            with suppress(Refused):
                check_envelope(envelope, self.root, moment)
                valid.append(envelope)
        return valid

    def _settle(
        self,
        sheet: State,
        close_time: int,
        records: list[Record],
        facts: Iterable[tuple[str, str]] = (),
    ) -> None:
        before = {key: self.root.get(key) for key in sheet.changes}
        results = b"".join(sha256(record.body).digest() for record in records)
        touched = "\n".join(map(repr, sheet.changes.values())).encode()
        head = build_head(self.head, close_time, results, touched, self.protocol)
        # On disk first: what a client has been told must still be true after a crash.
        self.store.save_close(head, sheet.changes, records, facts)
        sheet.commit()
        self.undo[head.sequence] = before
        self.head = head
        self.heads[head.sequence] = head
        self.root.ledger = head.sequence
        self.undo.pop(head.sequence - REMEMBERED, None)
        self.heads.pop(head.sequence - REMEMBERED, None)
        if head.sequence % PRUNE_EVERY == 0 and self.oldest > self.first:
            self.store.forget_before(self.oldest)
            self.first = self.store.first_sequence()


class Closing:
    """What closing a ledger did with everything that was queued for it."""

    def __init__(self) -> None:
        self.applied: list[Envelope] = []
        self.records: list[Record] = []


def _record(run: Execution, place: int) -> Record:
    envelope = run.envelope
    result, meta = run.result(), run.mark.pack()
    body = {
        "status": "SUCCESS" if run.code == 0 else "FAILED",
        "applicationOrder": place,
        "feeBump": envelope.is_fee_bump,
        "envelopeXdr": envelope.text,
        "resultXdr": _text(result),
        "resultMetaXdr": _text(meta),
        "diagnosticEventsXdr": [_text(item) for item in run.mark.diagnostics],
        "events": {
            "transactionEventsXdr": [_text(item) for item in run.mark.transaction_events],
            "contractEventsXdr": [
                [_text(item) for item in events] for events in run.mark.operation_events
            ],
        },
        "ledger": run.moment.ledger,
    }
    return Record(
        ledger=run.moment.ledger,
        position=place,
        hash=envelope.hash,
        inner_hash=envelope.inner_hash,
        created_at=run.moment.close_time,
        soroban=envelope.is_soroban,
        body=orjson.dumps(body)[1:-1],
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
