"""Where the middle and the last pages of a list begin: what is sent to go on from there, read from the database."""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from api.parsing.cursors import Position, encode_position
from devstack.bench.reads.offered_reads import SORT, OfferedRead
from domain.sla.listings import (
    SEVERITY_ORDER,
    STATUS_ORDER,
    Ordering,
    Place,
    SortField,
    encode_cursor,
)

DEPTHS: Mapping[str, float] = {"middle": 0.5, "last": 0.99}
LISTS = ("/outages", "/outages/violations")


def _rank(column: str, order: tuple[str, ...]) -> str:
    names = ", ".join(f"'{each}'" for each in order)
    return f"array_position(ARRAY[{names}], {column}::text) - 1"


_VALUES = {
    SortField.DETECTED_AT: "detected_at",
    SortField.SITE_NAME: "site_name",
    SortField.ID: "id",
    SortField.SEVERITY: _rank("severity", SEVERITY_ORDER),
    SortField.STATUS: _rank("status", STATUS_ORDER),
}
# Lists that are ordered by an instant and an id, the newest first, under the names that their cursors have.
_DATED = {"/payments": ("payments", "payments"), "/sla/disputes": ("disputes", "disputes")}
# What each read of a list is sent, by its path and its order, at each depth.
Places = Mapping[tuple[str, str], Mapping[str, tuple[str, str]]]


def read_places(url: str) -> Places:
    """Return what leads to each depth of every list that grows with the outages."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    with psycopg.connect(url) as connection:
        for field, value in _VALUES.items():
            rows = _read_rows(connection, f"SELECT {value}, id FROM outages", DEPTHS)
            upwards = {name: 1 - part for name, part in DEPTHS.items()}
            for ordering, placed in (
                (Ordering(field, descending=True), rows),
                (
                    Ordering(field, descending=False),
                    _read_rows(connection, f"SELECT {value}, id FROM outages", upwards),
                ),
            ):
                cursors = {depth: _encode(ordering, row) for depth, row in placed.items()}
                order = f"{'-' * ordering.descending}{field}"
                found |= dict.fromkeys(((path, order) for path in LISTS), cursors)
        for path, (table, name) in _DATED.items():
            rows = _read_rows(connection, f"SELECT created_at, id FROM {table}", DEPTHS)
            found[path, ""] = {
                depth: ("cursor", encode_position(name, Position(*row)))
                for depth, row in rows.items()
            }
        found |= _read_numbered(connection)
    for path in LISTS:
        found[path, ""] = found[path, f"-{SortField.DETECTED_AT}"]
    return found


def _read_rows(
    connection: psycopg.Connection[Any], statement: str, depths: Mapping[str, float]
) -> dict[str, Any]:
    """Return the row at each part of the way from the last to the first."""
    count: Any = connection.execute(f"SELECT count(*) FROM ({statement}) AS s".encode()).fetchone()
    ordered = f"{statement} ORDER BY 1 DESC, 2 DESC OFFSET %s LIMIT 1".encode()
    rows = {
        depth: connection.execute(ordered, [int(count[0] * part)]).fetchone()
        for depth, part in depths.items()
    }
    return {depth: row for depth, row in rows.items() if row is not None}


def _encode(ordering: Ordering, row: Any) -> tuple[str, str]:
    value = row[0].isoformat() if ordering.field is SortField.DETECTED_AT else str(row[0])
    return "cursor", encode_cursor(ordering, Place(value, row[1]))


def _read_numbered(
    connection: psycopg.Connection[Any],
) -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
    """The audit trail goes on before a number, and the feed of events after a place."""
    entries: Any = connection.execute("SELECT max(sequence) FROM audit_entries").fetchone()
    found = {
        ("/audit", ""): {
            depth: ("before", str(int(entries[0] * (1 - part)) + 1))
            for depth, part in DEPTHS.items()
        }
    }
    events: Any = connection.execute("SELECT count(*) FROM events").fetchone()
    feed = "SELECT xid::text, sequence FROM events ORDER BY xid, sequence OFFSET %s LIMIT 1"
    places = {}
    for depth, part in DEPTHS.items():
        row = connection.execute(feed, [int(events[0] * part)]).fetchone()
        if row is not None:
            places[depth] = ("after", f"{row[0]}-{row[1]}")
    return found | {("/events", ""): places}


def list_deep(read: OfferedRead, places: Places) -> Iterator[tuple[str, OfferedRead]]:
    """Yield the same read of the pages in the middle and at the end of its list, each with its name."""
    order = dict(read.parameters).get(SORT, "")
    for depth, parameter in places.get((read.path, order), {}).items():
        yield f"{read}, {depth} page", OfferedRead(read.path, (*read.parameters, parameter))
