"""The ledger on disk: one SQLite file in the data directory.

Each close is one SQLite transaction in WAL mode. `synchronous=NORMAL` does not wait for the disk
at every commit, and that is enough against `kill -9`: what was written is with the operating
system and outlives the process. Only a power failure could lose the last ledgers, and even
then never a part of one.
"""

from __future__ import annotations

import sqlite3
import weakref
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from stellar_sandbox.ledger.entries import LedgerEntry, LedgerKey, dump_entry, dump_key, load_entry
from stellar_sandbox.ledger.ledger_header import LedgerHeader

SCHEMA = """
create table if not exists persistent_state (name text primary key, value text not null);
create table if not exists entries (key text primary key, body blob not null) without rowid;
create table if not exists ledgers (
    sequence integer primary key, close_time integer not null, hash text not null,
    header text not null
);
create table if not exists transactions (
    ledger integer not null, position integer not null, hash blob not null,
    inner_hash blob not null, created_at integer not null, soroban integer not null,
    body blob not null,
    primary key (ledger, position)
) without rowid;
create index if not exists transactions_by_hash on transactions (hash);
create index if not exists transactions_by_inner_hash on transactions (inner_hash);
"""
FORMAT = 3
COLUMNS = "ledger, position, hash, inner_hash, created_at, soroban, body"


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction in a ledger; `body` is the JSON of its answer, without braces."""

    ledger: int
    position: int
    hash: bytes
    inner_hash: bytes
    created_at: int
    soroban: bool
    body: bytes


class StoreUnusable(ValueError):
    """The data directory cannot be used."""


class LedgerStore:
    def __init__(self, path: Path | None) -> None:
        target = ":memory:" if path is None else str(path / "stellar.sqlite")
        # The garbage collector may close it, in whatever thread it runs.
        self._db = sqlite3.connect(
            target, timeout=2.0, isolation_level=None, check_same_thread=False
        )
        # Closes a network in memory that nobody closed: Python warns of it from 3.13 on.
        weakref.finalize(self, self._db.close)
        try:
            # Two processes over one ledger would close it twice.
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._check_format(path)
            self._db.executescript(SCHEMA)
            self._db.execute("begin exclusive")
            self._db.execute("commit")
        except sqlite3.OperationalError as error:
            self._db.close()
            raise StoreUnusable(f"The data directory {path} cannot be used: {error}.") from error

    def _check_format(self, path: Path | None) -> None:
        """Refuse tables of another format here, rather than at the first payment."""
        made = self._db.execute("select count(*) from sqlite_master").fetchone()[0]
        found = self._db.execute("pragma user_version").fetchone()[0]
        if made and found != FORMAT:
            self._db.close()
            raise StoreUnusable(
                f"The data directory {path} was made by another version of the sandbox;"
                " give it an empty one."
            )
        self._db.execute(f"pragma user_version = {FORMAT}")

    def close(self) -> None:
        self._db.close()

    def read_state(self, name: str) -> str | None:
        row = self._db.execute(
            "select value from persistent_state where name = ?", (name,)
        ).fetchone()
        return None if row is None else str(row[0])

    def load_entries(self) -> dict[LedgerKey, LedgerEntry]:
        rows = self._db.execute("select key, body from entries")
        return {entry.key: entry for key, body in rows for entry in (load_entry(key, body),)}

    def write_close(
        self,
        header: LedgerHeader,
        changes: dict[LedgerKey, LedgerEntry | None],
        records: Iterable[TransactionRecord],
        state: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Write a closed ledger, whole or not at all."""
        kept = [(dump_key(key), dump_entry(entry)) for key, entry in changes.items() if entry]
        gone = [(dump_key(key),) for key, entry in changes.items() if entry is None]
        rows = [(*astuple(record)[:-1], zlib.compress(record.body, 1)) for record in records]
        self._db.execute("begin immediate")
        try:
            self._db.executemany("insert or replace into entries values (?, ?)", kept)
            self._db.executemany("delete from entries where key = ?", gone)
            self._db.executemany("insert into transactions values (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("insert or replace into persistent_state values (?, ?)", state)
            self._db.execute(
                "insert into ledgers values (?, ?, ?, ?)",
                (header.sequence, header.close_time, header.hash, header.header),
            )
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def read_header(self, sequence: int | None = None) -> LedgerHeader | None:
        """Return a ledger by its sequence, or the last one."""
        columns = "select sequence, close_time, hash, header from ledgers"
        if sequence is None:
            row = self._db.execute(f"{columns} order by sequence desc limit 1").fetchone()
        else:
            row = self._db.execute(f"{columns} where sequence = ?", (sequence,)).fetchone()
        return None if row is None else LedgerHeader(*row)

    def read_headers(self, first: int, last: int, limit: int) -> list[LedgerHeader]:
        query = (
            "select sequence, close_time, hash, header from ledgers"
            " where sequence between ? and ? order by sequence limit ?"
        )
        return [LedgerHeader(*row) for row in self._db.execute(query, (first, last, limit))]

    def read_first_sequence(self) -> int:
        row = self._db.execute("select min(sequence) from ledgers").fetchone()
        return int(row[0] or 0)

    def find_transaction(self, digest: bytes) -> TransactionRecord | None:
        """Return a transaction by its hash, or by the hash of its inner transaction."""
        query = f"select {COLUMNS} from transactions where hash = :hash or inner_hash = :hash"
        row = self._db.execute(query, {"hash": digest}).fetchone()
        return None if row is None else _build_record(row)

    def read_transactions(
        self, start: tuple[int, int], last: int, limit: int
    ) -> list[TransactionRecord]:
        """Return transactions in order, from a position (ledger, order) on."""
        query = (
            f"select {COLUMNS} from transactions"
            " where (ledger, position) >= (?, ?) and ledger <= ?"
            " order by ledger, position limit ?"
        )
        return [_build_record(row) for row in self._db.execute(query, (*start, last, limit))]

    def delete_before(self, sequence: int) -> None:
        self._db.execute("delete from transactions where ledger < ?", (sequence,))
        self._db.execute("delete from ledgers where sequence < ?", (sequence,))


def _build_record(row: tuple[Any, ...]) -> TransactionRecord:
    # Compressed, because the history of a busy day would fill gigabytes otherwise.
    ledger, position, digest, inner, created_at, soroban, body = row
    text = zlib.decompress(body)
    return TransactionRecord(ledger, position, digest, inner, created_at, bool(soroban), text)
