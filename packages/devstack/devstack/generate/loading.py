"""Write generated rows into a database by COPY, past triggers and indexes, which are made again afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from devstack.generate.row_writers import RowBatch

# Where so many rows are added, it is quicker to make the indexes anew.
INDEXES_ABOVE = 20_000
Cursor = psycopg.Cursor[tuple[Any, ...]]
_SETTINGS = (
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL synchronous_commit = off",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL maintenance_work_mem = '256MB'",
)
# All that are no part of a constraint.
_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relname = ANY(%s) AND t.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


def _encode(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value if "\\" not in value else value.replace("\\", "\\\\")
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, datetime) else str(value)


class Loader:
    """
    Knows the tables of one database, so that rows fit an older one as well: a column that it has not is left out, and a
    table that needs another one.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        cursor.execute(
            "SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL"
            " AND is_identity = 'NO' FROM information_schema.columns WHERE table_schema = 'public'"
        )
        self._columns: dict[str, dict[str, bool]] = {}
        for table, column, is_needed in cursor.fetchall():
            self._columns.setdefault(table, {})[column] = is_needed

    def copy(self, batch: RowBatch) -> None:
        """Write all rows of a batch, and empty it."""
        for table, rows in batch.rows.items():
            self._copy_table(table, batch.columns[table], rows)
            rows.clear()

    def _find_places(self, table: str, columns: Sequence[str]) -> list[int]:
        """Return which of some columns a table has; none where it needs more than those."""
        known = self._columns.get(table, {})
        if any(is_needed and name not in columns for name, is_needed in known.items()):
            return []
        return [n for n, name in enumerate(columns) if name in known]

    def _copy_table(self, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
        places = self._find_places(table, columns)
        if not places or not rows:
            return
        names = sql.SQL(", ").join(sql.Identifier(columns[n]) for n in places)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._cursor.copy(statement) as copy:
            copy.write("".join("\t".join(_encode(row[n]) for n in places) + "\n" for row in rows))

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Any], and_then: str) -> None:
        """Insert few rows; `and_then` says what becomes of those that are there."""
        places = self._find_places(table, columns)
        if not places or not rows:
            return
        statement = sql.SQL("INSERT INTO {} AS t ({}) VALUES ({}) ON CONFLICT ").format(
            sql.Identifier(table),
            sql.SQL(", ").join(sql.Identifier(columns[n]) for n in places),
            sql.SQL(", ").join(sql.Placeholder() * len(places)),
        )
        wanted = [[row[n] for n in places] for row in rows]
        self._cursor.executemany(statement + sql.SQL(and_then), wanted)

    @contextmanager
    def without_indexes(self, tables: Sequence[str], *, needed: bool) -> Iterator[None]:
        """Drop the indexes of some tables, and make the same ones again."""
        self._cursor.execute(_INDEXES, [list(tables)])
        found = self._cursor.fetchall() if needed else []
        for name, _ in found:
            self._cursor.execute(f"DROP INDEX {name}".encode())
        yield
        for _, definition in found:
            self._cursor.execute(definition.encode())


@contextmanager
def open_loader(url: str) -> Iterator[tuple[Loader, Cursor]]:
    """Load within one transaction; afterwards the server knows the new rows as it would a while later."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for setting in _SETTINGS:
            cursor.execute(setting.encode())
        yield Loader(cursor), cursor
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("VACUUM (ANALYZE)")
