"""The one file in which the box keeps its ledger, so that a payment of yesterday is still there.

Each close is one SQLite transaction in WAL mode. `synchronous=NORMAL` does not wait for the disk
at every commit, and that is enough against `kill -9`: what was written is in the operating
system's hands and outlives the process. Only a power cut could lose the last ledgers, and even
then never half of one.
"""

from __future__ import annotations

import sqlite3
import weakref
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from sandbox.stellar.entries import Entry, Key, dump_entry, dump_key, load_entry
from sandbox.stellar.headers import Head

SCHEMA = """
create table if not exists facts (name text primary key, value text not null);
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
FORMAT = 2
COLUMNS = "ledger, position, hash, inner_hash, created_at, soroban, body"


@dataclass(frozen=True, slots=True)
class Record:
    """A transaction in a ledger; `body` is its JSON without braces, ready to be answered."""

    ledger: int
    position: int
    hash: bytes
    inner_hash: bytes
    created_at: int
    soroban: bool
    body: bytes


class Unusable(ValueError):
    """A data directory that cannot be opened, said in one sentence."""


class Store:
    def __init__(self, path: Path | None) -> None:
        target = ":memory:" if path is None else str(path / "stellar.sqlite")
        self._db = sqlite3.connect(target, timeout=2.0, isolation_level=None)
        # A network in memory ends with whoever had it, without a word; from 3.13 on Python minds.
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
            raise Unusable(f"The data directory {path} cannot be used: {error}.") from error

    def _check_format(self, path: Path | None) -> None:
        """Tables of another shape are refused here, rather than at the first payment."""
        made = self._db.execute("select count(*) from sqlite_master").fetchone()[0]
        found = self._db.execute("pragma user_version").fetchone()[0]
        if made and found != FORMAT:
            self._db.close()
            raise Unusable(
                f"The data directory {path} was made by another version of the box;"
                " give it an empty one."
            )
        self._db.execute(f"pragma user_version = {FORMAT}")

    def close(self) -> None:
        self._db.close()

    def fact(self, name: str) -> str | None:
        row = self._db.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def load_entries(self) -> dict[Key, Entry]:
        rows = self._db.execute("select key, body from entries")
        return {entry.key: entry for key, body in rows for entry in (load_entry(key, body),)}

    def save_close(
        self,
        head: Head,
        changes: dict[Key, Entry | None],
        records: Iterable[Record],
        facts: Iterable[tuple[str, str]] = (),
    ) -> None:
        """A ledger, whole or not at all."""
        kept = [(dump_key(key), dump_entry(entry)) for key, entry in changes.items() if entry]
        gone = [(dump_key(key),) for key, entry in changes.items() if entry is None]
        rows = [(*astuple(record)[:-1], zlib.compress(record.body, 1)) for record in records]
        self._db.execute("begin immediate")
        try:
            self._db.executemany("insert or replace into entries values (?, ?)", kept)
            self._db.executemany("delete from entries where key = ?", gone)
            self._db.executemany("insert into transactions values (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("insert or replace into facts values (?, ?)", facts)
            self._db.execute(
                "insert into ledgers values (?, ?, ?, ?)",
                (head.sequence, head.close_time, head.hash, head.header),
            )
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def head(self, sequence: int | None = None) -> Head | None:
        """A ledger by its number, or the last one."""
        columns = "select sequence, close_time, hash, header from ledgers"
        if sequence is None:
            row = self._db.execute(f"{columns} order by sequence desc limit 1").fetchone()
        else:
            row = self._db.execute(f"{columns} where sequence = ?", (sequence,)).fetchone()
        return None if row is None else Head(*row)

    def heads(self, first: int, last: int, limit: int) -> list[Head]:
        query = (
            "select sequence, close_time, hash, header from ledgers"
            " where sequence between ? and ? order by sequence limit ?"
        )
        return [Head(*row) for row in self._db.execute(query, (first, last, limit))]

    def first_sequence(self) -> int:
        row = self._db.execute("select min(sequence) from ledgers").fetchone()
        return int(row[0] or 0)

    def find(self, digest: bytes) -> Record | None:
        """A transaction by its hash, or by the hash of what a fee bump carried."""
        query = f"select {COLUMNS} from transactions where hash = :it or inner_hash = :it"
        row = self._db.execute(query, {"it": digest}).fetchone()
        return None if row is None else _record(row)

    def page(self, start: tuple[int, int], last: int, limit: int) -> list[Record]:
        """Transactions from a place (ledger, position) on, in order."""
        query = (
            f"select {COLUMNS} from transactions"
            " where (ledger, position) >= (?, ?) and ledger <= ?"
            " order by ledger, position limit ?"
        )
        return [_record(row) for row in self._db.execute(query, (*start, last, limit))]

    def forget_before(self, sequence: int) -> None:
        self._db.execute("delete from transactions where ledger < ?", (sequence,))
        self._db.execute("delete from ledgers where sequence < ?", (sequence,))


def _record(row: tuple[Any, ...]) -> Record:
    # Compressed, because a busy day of history would else fill gigabytes.
    ledger, position, digest, inner, created_at, soroban, body = row
    text = zlib.decompress(body)
    return Record(ledger, position, digest, inner, created_at, bool(soroban), text)
