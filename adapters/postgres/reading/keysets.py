"""
Pages of long lists, each read from an index: after a place, or by a number from the nearer end of the list.

Only keys are walked over; what is shown of a row is read for the rows of the page alone.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import COUNTED_MAX, Total, count_rows
from domain.errors import Invalid

# So many rows from either end of a list is as deep as a page's number reaches.
DEPTH_MAX = COUNTED_MAX
# Rows that are read at once where a whole list is streamed.
CHUNK = 500
TOO_DEEP = f"is more than {DEPTH_MAX:,} rows away from both ends of the list: go on by cursor, or name a filter"


@dataclass(frozen=True, slots=True)
class Keyset:
    """What a list is ordered by, all of it the same way; the last one is the row's own."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = True

    @property
    def own(self) -> ColumnElement[Any]:
        return self.columns[-1]

    def list_order(self, *, backwards: bool = False) -> list[ColumnElement[Any]]:
        falls = self.descending is not backwards
        return [each.desc() if falls else each.asc() for each in self.columns]

    def make_after(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """Return what holds of the rows that come after a place."""
        here, there = tuple_(*self.columns), tuple_(*values)
        return here < there if self.descending else here > there


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: its table, its order, what must hold of a row, and what is shown of it."""

    table: FromClause
    key: Keyset
    conditions: Sequence[ColumnElement[bool]]
    shown: Select[Any]


@dataclass(frozen=True, slots=True)
class ListSegment:
    """A part of a list: so many rows after a place, or from an offset on."""

    limit: int = 20
    offset: int = 0
    after: Sequence[Any] | None = None


async def read_page(
    connection: AsyncConnection, listing: Listing, wanted: ListSegment
) -> tuple[Sequence[RowMapping], Total]:
    """
    Return the rows of a page, and how many there are in all. A number counts from the beginning, or where the total
    is estimated from the end, if that is nearer. Raises Invalid for one that is far from both.
    """
    if wanted.after is None and wanted.offset > DEPTH_MAX:
        return await _read_deep(connection, listing, wanted)
    rows = await read_rows(connection, listing, wanted)
    if wanted.after is None and len(rows) < wanted.limit and (rows or not wanted.offset):
        return rows, Total(wanted.offset + len(rows))
    return rows, await count_rows(connection, listing.table, listing.conditions)


async def _read_deep(
    connection: AsyncConnection, listing: Listing, wanted: ListSegment
) -> tuple[Sequence[RowMapping], Total]:
    total = await count_rows(connection, listing.table, listing.conditions)
    left = total.count - wanted.offset
    if left <= 0:
        return [], total
    if left > DEPTH_MAX:
        raise Invalid("page", TOO_DEEP)
    last = ListSegment(min(wanted.limit, left), max(left - wanted.limit, 0))
    rows = await read_rows(connection, listing, last, backwards=True)
    return rows[::-1], total


async def read_part(
    connection: AsyncConnection, listing: Listing, wanted: ListSegment
) -> Sequence[RowMapping]:
    """Return the rows of a page of a list that is not counted. Raises Invalid for a number that reaches too deep."""
    if wanted.offset > DEPTH_MAX:
        raise Invalid(
            "page", f"is more than {DEPTH_MAX:,} rows deep: go on by cursor, or name a filter"
        )
    return await read_rows(connection, listing, wanted)


async def read_rows(
    connection: AsyncConnection, listing: Listing, wanted: ListSegment, *, backwards: bool = False
) -> Sequence[RowMapping]:
    """Return the rows of a segment; backwards, it is one of the list from its end."""
    key = listing.key
    keys = select(key.own).select_from(listing.table).where(*listing.conditions)
    if wanted.after is not None:
        keys = keys.where(key.make_after(wanted.after))
    keys = keys.order_by(*key.list_order(backwards=backwards))
    # A list of its own, not one of the rows that are shown.
    keys = keys.offset(wanted.offset).limit(wanted.limit).correlate(None)
    return await read_shown(connection, listing, keys, backwards=backwards)


async def read_shown(
    connection: AsyncConnection,
    listing: Listing,
    keys: Any,
    *,
    backwards: bool = False,
) -> Sequence[RowMapping]:
    """Return what is shown of the rows that keys name, in the order of the list."""
    statement = listing.shown.where(listing.key.own.in_(keys))
    rows = await connection.execute(
        statement.order_by(*listing.key.list_order(backwards=backwards))
    )
    found: Sequence[RowMapping] = rows.mappings().all()
    return found


async def stream_rows(connection: AsyncConnection, listing: Listing) -> AsyncGenerator[RowMapping]:
    """
    Yield every row of a list, read once from its beginning to its end; no more than a chunk of them is in memory.
    The connection is in a transaction, and sees one moment for as long as that lasts.
    """
    key, statement = listing.key, listing.shown
    if listing.conditions:
        keys = select(key.own).select_from(listing.table).where(*listing.conditions)
        statement = statement.where(key.own.in_(keys.correlate(None)))
    statement = statement.order_by(*key.list_order())
    async with connection.stream(statement, execution_options={"yield_per": CHUNK}) as rows:
        async for row in rows.mappings():
            yield row
