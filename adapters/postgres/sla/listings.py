"""Lists of outages: filtered, sorted, and read by page or from a place on."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    RowMapping,
    Text,
    cast,
    exists,
    false,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import read_outage_conditions
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import (
    Keyset,
    Listing,
    ListSegment,
    read_shown,
    stream_rows,
)
from adapters.postgres.reading.keysets import read_page as read_numbered_page
from adapters.postgres.reading.searches import SearchPage, TextMatch, find_matches
from adapters.postgres.sla.outages import select_with_verdict, to_record
from adapters.postgres.tables import outages
from adapters.postgres.tables.outages import (
    SEARCHED_TRIGRAMS,
    VIOLATED,
    make_rank,
)
from domain.access.scopes import Scope
from domain.sla.listings import (
    SEVERITY_ORDER,
    STATUS_ORDER,
    Ordering,
    OutageFilter,
    Place,
    SortField,
)
from domain.sla.outages import RecordedOutage

_SHOWN = select_with_verdict()
_SEARCHED: ColumnElement[Any] = literal_column(SEARCHED_TRIGRAMS, ARRAY(Text))
# As the indexes have them, word for word.
_RANKS: Mapping[SortField, ColumnElement[int]] = {
    SortField.SEVERITY: literal_column(
        f"({make_rank('outages.severity', SEVERITY_ORDER)})", Integer
    ),
    SortField.STATUS: literal_column(f"({make_rank('outages.status', STATUS_ORDER)})", Integer),
}


def list_conditions(wanted: OutageFilter) -> Iterator[ColumnElement[bool]]:
    """Yield all but the text, for which there is more than one way to look."""
    if wanted.severity is not None:
        yield outages.c.severity == wanted.severity
    if wanted.statuses is not None:
        yield outages.c.status.in_(wanted.statuses)
    if wanted.site is not None:
        yield or_(outages.c.site_id == wanted.site, outages.c.site_name == wanted.site)
    if wanted.agreement is not None:
        yield outages.c.agreement == wanted.agreement
    if wanted.part_of is not None:
        yield outages.c.part_of == wanted.part_of
    if wanted.assigned_to is not None:
        yield outages.c.assigned_to == wanted.assigned_to
    if wanted.since is not None:
        yield outages.c.detected_at >= wanted.since
    if wanted.until is not None:
        yield outages.c.detected_at < wanted.until
    if wanted.violated:
        yield literal_column(f"({VIOLATED})", Boolean)


def make_match(search: str) -> TextMatch:
    """Return what holds of an outage in which a text stands, and what of it an index can find."""
    # autoescape makes % and _ in the caller's text plain characters, not wildcards.
    named = (outages.c.id, outages.c.site_name, outages.c.description)
    holds = or_(*(column.icontains(search, autoescape=True) for column in named))
    # What is small of other letters depends on the database. A bar is what the index parts them by.
    trigrams = {search[start : start + 3] for start in range(len(search) - 2)}
    found = sorted({each.lower() for each in trigrams if each.isascii() and "|" not in each})
    return TextMatch(holds, [_SEARCHED.contains(cast(found, ARRAY(Text)))] if found else [])


@dataclass(frozen=True, slots=True)
class OutagePage:
    """A page, how many outages there are in all, and from where to go on; None at the end of the list."""

    records: list[RecordedOutage]
    total: Total
    next: Place | None


async def list_page(
    connection: AsyncConnection,
    scope: Scope,
    wanted: OutageFilter,
    ordering: Ordering,
    *,
    after: Place | None = None,
    offset: int = 0,
    limit: int = 20,
) -> OutagePage:
    """Return one page of outages. A page of a search may hold fewer than asked for, and still go on."""
    listing = await _make_listing(connection, scope, wanted, ordering)
    place = None if after is None else _list_values(listing, ordering, after)
    segment = ListSegment(limit, offset, place)
    resume: Sequence[Any] | None = None
    if wanted.search:
        found = await find_matches(connection, listing, make_match(wanted.search), segment)
        rows, total, resume = await _show(connection, listing, found), found.total, found.resume
    else:
        rows, total = await read_numbered_page(connection, listing, segment)
    records = [to_record(row) for row in rows]
    going_on = get_place(ordering, records[-1]) if len(records) == limit else None
    if resume is not None:
        going_on = Place(_format_value(resume[0]), resume[-1])
    return OutagePage(records, total, going_on)


async def _show(
    connection: AsyncConnection, listing: Listing, found: SearchPage
) -> Sequence[RowMapping]:
    return await read_shown(connection, listing, found.keys) if found.keys else []


async def _make_listing(
    connection: AsyncConnection, scope: Scope, wanted: OutageFilter, ordering: Ordering
) -> Listing:
    own = await read_outage_conditions(connection, scope)
    if wanted.severity is not None and ordering.field is SortField.SEVERITY:
        # All of one rank: the order begins where they do.
        rank = SEVERITY_ORDER.index(wanted.severity)
        own.append(_RANKS[SortField.SEVERITY] == rank)
    if wanted.statuses is not None and ordering.field is SortField.STATUS:
        ranks = [STATUS_ORDER.index(each) for each in wanted.statuses]
        own.append(_RANKS[SortField.STATUS].in_(ranks))
    conditions = [*own, *list_conditions(replace(wanted, site=None))]
    value = _RANKS.get(ordering.field, outages.c[ordering.field])
    if wanted.site is not None:
        conditions.append(await _read_site_condition(connection, wanted.site))
        if ordering.field is SortField.SITE_NAME:
            # The planner takes names and ids for independent, and would walk over every name to those of one site.
            value = outages.c.site_name.concat("")
    columns = (value,) if value is outages.c.id else (value, outages.c.id)
    return Listing(
        outages,
        Keyset(columns, ordering.descending),
        conditions,
        _SHOWN,
    )


async def _read_site_condition(connection: AsyncConnection, site: str) -> ColumnElement[bool]:
    """Return what holds of the outages of a site, by its name or its id: an index has either, and none has both."""
    columns = (outages.c.site_id, outages.c.site_name)
    asked = select(*(exists().where(column == site) for column in columns))
    used = (await connection.execute(asked)).one()
    found = [column == site for column, is_used in zip(columns, used, strict=True) if is_used]
    return or_(false(), *found)


async def stream(
    connection: AsyncConnection, scope: Scope, wanted: OutageFilter, ordering: Ordering
) -> AsyncGenerator[RecordedOutage]:
    """Yield every outage of a list; no more than a chunk of them is in memory."""
    listing = await _make_listing(connection, scope, wanted, ordering)
    if wanted.search:
        match = make_match(wanted.search)
        conditions = [*listing.conditions, *match.indexed, match.holds]
        listing = replace(listing, conditions=conditions)
    async with aclosing(stream_rows(connection, listing)) as rows:
        async for row in rows:
            yield to_record(row)


def get_place(ordering: Ordering, record: RecordedOutage) -> Place:
    """Return the place of an outage in an ordering."""
    outage = record.outage
    values: dict[SortField, Any] = {
        SortField.DETECTED_AT: outage.detected_at,
        SortField.SEVERITY: SEVERITY_ORDER.index(outage.severity),
        SortField.STATUS: STATUS_ORDER.index(record.status),
        SortField.SITE_NAME: outage.site_name,
        SortField.ID: outage.id,
    }
    return Place(_format_value(values[ordering.field]), outage.id)


def _format_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _list_values(listing: Listing, ordering: Ordering, place: Place) -> Sequence[Any]:
    """Return what the columns of the key hold at a place."""
    if len(listing.key.columns) == 1:
        return (place.id,)
    return (_parse_value(ordering, place.value), place.id)


def _parse_value(ordering: Ordering, text: str) -> Any:
    if ordering.field is SortField.DETECTED_AT:
        return datetime.fromisoformat(text)
    return int(text) if ordering.field in _RANKS else text
