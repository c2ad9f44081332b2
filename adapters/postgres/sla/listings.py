"""Lists of outages: filtered, sorted, and read by page or from a place on."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, case, cast, func, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.sla.outages import select_with_verdict, to_record
from adapters.postgres.tables import outages, sla_results
from adapters.postgres.tables.outages import SEARCHED_TRIGRAMS
from domain.access.scopes import Scope
from domain.sla.listings import (
    SEVERITY_ORDER,
    STATUS_ORDER,
    Ordering,
    OutageFilter,
    Place,
    SortField,
)
from domain.sla.outages import OutageStatus, RecordedOutage
from domain.sla.verdicts import SlaStatus

# Rows that are read at once where a whole list is streamed.
CHUNK = 500
_SEARCHED: ColumnElement[Any] = literal_column(SEARCHED_TRIGRAMS, ARRAY(Text))
_RANKS: Mapping[SortField, ColumnElement[int]] = {
    SortField.SEVERITY: case(
        {str(name): rank for rank, name in enumerate(SEVERITY_ORDER)}, value=outages.c.severity
    ),
    SortField.STATUS: case(
        {str(name): rank for rank, name in enumerate(STATUS_ORDER)}, value=outages.c.status
    ),
}


def list_conditions(wanted: OutageFilter) -> Iterator[ColumnElement[bool]]:
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
    if wanted.search:
        yield from _list_trigram_conditions(wanted.search)
        # autoescape makes % and _ in the caller's text plain characters, not wildcards.
        named = (outages.c.id, outages.c.site_name, outages.c.description)
        yield or_(*(column.icontains(wanted.search, autoescape=True) for column in named))
    if wanted.since is not None:
        yield outages.c.detected_at >= wanted.since
    if wanted.until is not None:
        yield outages.c.detected_at < wanted.until
    if wanted.violated:
        newest = (
            select(sla_results.c.status)
            .where(
                sla_results.c.outage_id == outages.c.id,
                outages.c.status != OutageStatus.DECLARED,
            )
            .order_by(sla_results.c.revision.desc())
            .limit(1)
            .scalar_subquery()
        )
        yield newest == SlaStatus.VIOLATED


def _list_trigram_conditions(search: str) -> Iterator[ColumnElement[bool]]:
    """What an index can find; a text of less than three letters is looked for in every outage."""
    # What is small of other letters depends on the database. A bar is what the index parts them by.
    trigrams = {search[start : start + 3] for start in range(len(search) - 2)}
    if found := sorted({each.lower() for each in trigrams if each.isascii() and "|" not in each}):
        yield _SEARCHED.contains(cast(found, ARRAY(Text)))


async def list_page(
    connection: AsyncConnection,
    scope: Scope,
    wanted: OutageFilter,
    ordering: Ordering,
    *,
    after: Place | None = None,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[RecordedOutage], int]:
    """Return one page of outages, and how many there are in all."""
    conditions = [*list_outage_conditions(scope), *list_conditions(wanted)]
    value = _get_value(ordering)
    statement = select_with_verdict().where(*conditions)
    if after is not None:
        here = tuple_(value, outages.c.id)
        there = tuple_(_parse_value(ordering, after.value), after.id)
        statement = statement.where(here < there if ordering.descending else here > there)
    ids = outages.c.id
    rows = await connection.execute(
        statement.order_by(
            *((value.desc(), ids.desc()) if ordering.descending else (value.asc(), ids.asc()))
        )
        .offset(offset)
        .limit(limit)
    )
    total = await connection.scalar(select(func.count()).select_from(outages).where(*conditions))
    return [to_record(row) for row in rows.mappings()], total or 0


async def stream(
    connection: AsyncConnection, scope: Scope, wanted: OutageFilter, ordering: Ordering
) -> AsyncIterator[RecordedOutage]:
    """Yield every outage of a list; no more than a chunk of them is in memory."""
    after: Place | None = None
    while True:
        records, _ = await list_page(connection, scope, wanted, ordering, after=after, limit=CHUNK)
        for record in records:
            yield record
        if len(records) < CHUNK:
            return
        after = get_place(ordering, records[-1])


def get_place(ordering: Ordering, record: RecordedOutage) -> Place:
    """Return the place of an outage in an ordering."""
    outage = record.outage
    values: dict[SortField, Any] = {
        SortField.DETECTED_AT: outage.detected_at.isoformat(),
        SortField.SEVERITY: SEVERITY_ORDER.index(outage.severity),
        SortField.STATUS: STATUS_ORDER.index(record.status),
        SortField.SITE_NAME: outage.site_name,
        SortField.ID: outage.id,
    }
    return Place(str(values[ordering.field]), outage.id)


def _get_value(ordering: Ordering) -> ColumnElement[Any]:
    return _RANKS.get(ordering.field, outages.c[ordering.field])


def _parse_value(ordering: Ordering, text: str) -> Any:
    if ordering.field is SortField.DETECTED_AT:
        return datetime.fromisoformat(text)
    return int(text) if ordering.field in _RANKS else text
