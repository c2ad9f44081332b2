"""
Searches for a text among many rows, each bounded whatever the text.

The rows nearest in the order of the list are looked at first: a common text is found there. A rare one is found by an
index, and sorted. What is neither is looked for among the next thousands of rows, and the page says from where to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, func, or_, select, true
from sqlalchemy import cast as cast_to
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import Total, count_rows
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment

NEAR, FAR = 1_000, 5_000
# As many matches as are collected by the index, and sorted or counted.
COLLECTED_MAX = 2_500


@dataclass(frozen=True, slots=True)
class TextMatch:
    """What holds of a row in which the text stands, and what an index finds of it: nothing of a short text."""

    holds: ColumnElement[bool]
    indexed: Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The keys of the rows found; `resume` is from where to go on, where the search stopped before the page was full."""

    keys: Sequence[Any]
    total: Total
    resume: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found among the next rows of a list: `last` is the place of the last row that was looked at."""

    keys: Sequence[Any]
    seen: int
    matched: int
    last: Sequence[Any] | None
    is_whole: bool


async def find_matches(
    connection: AsyncConnection, listing: Listing, match: TextMatch, wanted: ListSegment
) -> SearchPage:
    """Return a page of the rows in which a text stands, and how many there are, or about how many."""
    near = await _look(connection, listing, match, wanted, NEAR)
    top = near
    if wanted.after is not None:
        top = await _look(connection, listing, match, ListSegment(0), NEAR)
    if near.is_whole or near.matched >= wanted.offset + wanted.limit:
        return SearchPage(near.keys, await _count_matches(connection, listing, match, top))
    found = await _collect(connection, listing, match, wanted) if match.indexed else None
    if found is not None:
        return found
    further = _go_on(wanted, near)
    far = await _look(connection, listing, match, further, FAR - NEAR)
    total = await _estimate(connection, listing, top)
    if match.indexed:
        total = Total(max(total.count, COLLECTED_MAX + 1), is_estimated=True)
    stopped = len(far.keys) < further.limit and not far.is_whole
    return SearchPage([*near.keys, *far.keys], total, far.last if stopped else None)


def _go_on(wanted: ListSegment, looked: _Look) -> ListSegment:
    """Return what is still wanted of the rows after those that were looked at."""
    offset = max(0, wanted.offset - looked.matched)
    return ListSegment(wanted.limit - len(looked.keys), offset, looked.last)


async def _look(
    connection: AsyncConnection,
    listing: Listing,
    match: TextMatch,
    wanted: ListSegment,
    rows_max: int,
) -> _Look:
    """Look at the next rows of a list, one after the other."""
    key = listing.key
    columns = [each.label(f"place_{n}") for n, each in enumerate(key.columns)]
    near = select(*columns, match.holds.label("holds")).select_from(listing.table)
    near = near.where(*listing.conditions)
    if wanted.after is not None:
        near = near.where(key.make_after(wanted.after))
    rows = near.order_by(*key.list_order()).limit(rows_max).subquery("near")
    holds = cast_to(rows.c.holds, Integer)
    numbered = select(
        rows,
        func.row_number().over().label("n"),
        func.count().over().label("seen"),
        func.sum(holds).over(rows=(None, 0)).label("matched"),
    ).subquery("numbered")
    last = wanted.offset + wanted.limit
    on_page = and_(numbered.c.holds, numbered.c.matched.between(wanted.offset + 1, last))
    found = await connection.execute(
        select(numbered).where(or_(on_page, numbered.c.n == numbered.c.seen)).order_by(numbered.c.n)
    )
    every = found.mappings().all()
    names = [each.name for each in columns]
    if not every:
        return _Look([], 0, 0, None, is_whole=True)
    end = every[-1]
    keys = [
        row[names[-1]] for row in every if row["holds"] and wanted.offset < row["matched"] <= last
    ]
    place = [end[name] for name in names]
    return _Look(keys, end["seen"], end["matched"], place, is_whole=end["seen"] < rows_max)


async def _count_matches(
    connection: AsyncConnection, listing: Listing, match: TextMatch, top: _Look
) -> Total:
    """Return how many rows match: counted where they are few, and estimated from how many of the first ones do."""
    if top.is_whole:
        return Total(top.matched)
    estimated = await _estimate(connection, listing, top)
    if not match.indexed or estimated.count > COLLECTED_MAX:
        return estimated
    found = _select_matches(listing, match).subquery()
    counted = await connection.scalar(select(func.count()).select_from(found)) or 0
    if counted <= COLLECTED_MAX:
        return Total(counted)
    return Total(max(counted, estimated.count), is_estimated=True)


async def _estimate(connection: AsyncConnection, listing: Listing, top: _Look) -> Total:
    everything = await count_rows(connection, listing.table, listing.conditions)
    expected = everything.count * top.matched // max(1, top.seen)
    return Total(max(expected, top.matched), is_estimated=True)


def _select_matches(listing: Listing, match: TextMatch) -> Select[Any]:
    """Select the keys of what the index finds, some more than are collected at most, in no order."""
    places = [each.label(f"place_{n}") for n, each in enumerate(listing.key.columns)]
    every = select(*places).select_from(listing.table)
    return every.where(*listing.conditions, *match.indexed, match.holds).limit(COLLECTED_MAX + 1)


async def _collect(
    connection: AsyncConnection, listing: Listing, match: TextMatch, wanted: ListSegment
) -> SearchPage | None:
    """Return a page of what the index finds, and how much that is; None where it is too much to be sorted."""
    key = listing.key
    found = _select_matches(listing, match).cte("found").prefix_with("MATERIALIZED")
    places = [found.c[f"place_{n}"] for n in range(len(key.columns))]
    order = [each.desc() if key.descending else each.asc() for each in places]
    page = select(places[-1].label("own"), func.row_number().over(order_by=order).label("n"))
    if wanted.after is not None:
        placed = Keyset(tuple(places), key.descending)
        page = page.where(placed.make_after(wanted.after))
    page = page.order_by(*order).offset(wanted.offset).limit(wanted.limit)
    counted = select(func.count().label("collected")).select_from(found).subquery("counted")
    shown = page.subquery("page")
    rows = await connection.execute(
        select(counted.c.collected, shown.c.own)
        .select_from(counted.outerjoin(shown, true()))
        .order_by(shown.c.n)
    )
    every = rows.all()
    if every[0].collected > COLLECTED_MAX:
        return None
    keys = [row.own for row in every if row.own is not None]
    return SearchPage(keys, Total(every[0].collected))
