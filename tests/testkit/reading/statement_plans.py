"""The statements that a request makes, and what PostgreSQL does for each: which rows it reads, and which it sorts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import event

from adapters.postgres.database import Database

# Tables that grow with every outage, alert or delivery.
LARGE = frozenset(
    {
        *("outages", "sla_results", "payments", "disputes", "audit_entries", "events"),
        *("deliveries", "imports", "intake_episodes", "intake_messages", "maintenance_windows"),
        *("entries", "postings", "attestations", "event_counts"),
    }
)
# A count stops after 10,001 rows, and a search after 10,000; both pass by some that another condition refuses.
READ_MAX = 17_000
SORTED_MAX = 6_000


@dataclass
class StatementLog:
    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def record_statements(database: Database) -> Iterator[StatementLog]:
    log = StatementLog()
    engines = [database.engine.sync_engine]
    if database.committing.pool is not database.engine.pool:
        engines.append(database.committing.sync_engine)  # what lists has connections of its own

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            log.statements.append((statement, values))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield log
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def list_faults(connection: psycopg.Connection[Any], statement: str, values: Any) -> list[str]:
    """Run a statement, and return what is wrong with the way in which PostgreSQL did."""
    explained = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement.encode()
    row = connection.execute(explained, values).fetchone()
    assert row is not None
    return [fault for node in _walk(row[0][0]["Plan"]) for fault in _judge(node)]


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


def _judge(node: dict[str, Any]) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    read = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    if kind == "Seq Scan" and table in LARGE:
        yield f"reads all of {table}"
    # Of a bitmap, what counts are the rows that are read by it.
    if read > READ_MAX and kind != "Bitmap Index Scan":
        yield f"{kind} {table} reads {read} rows"
    if kind.endswith("Sort"):
        given = sum(each["Actual Rows"] * each["Actual Loops"] for each in node["Plans"])
        if given > SORTED_MAX:
            yield f"{kind} sorts {round(given)} rows"
