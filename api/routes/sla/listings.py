"""/outages, many at once: listed by page or cursor, exported, and those that broke the SLA."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from adapters.postgres.sla import listings
from api.access.scopes import OutageScope
from api.bodies import Text
from api.dependencies import CursorPaging, Database, Running
from api.parsing.bounds import Bound, OlderBound, parse_bounds
from api.parsing.patterns import describe_sorting
from api.rendering.export_streams import answer_file
from api.rendering.spreadsheets import FLUSH_CHARACTERS, render_csv
from api.views import CursorPageView, OutageView
from domain.access.scopes import Scope
from domain.errors import Invalid
from domain.exports.statuses import OUTAGE_STATUSES
from domain.sla.listings import (
    Ordering,
    OutageFilter,
    SortField,
    decode_cursor,
    encode_cursor,
    parse_ordering,
)
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity
from services.exports.stream_list import stream_list

router = APIRouter(prefix="/outages", tags=["outages"])
SORTING = describe_sorting(sorted(SortField))
SortName = Annotated[str | None, Query(max_length=50, json_schema_extra=SORTING)]
# `sort=-detected_at` says the same as each of the pairs, as `date_from` does as `start_date`.
OlderSortName = Annotated[
    str | None, Query(max_length=50, json_schema_extra=SORTING, deprecated=True)
]
OlderOrder = Annotated[Literal["asc", "desc"] | None, Query(deprecated=True)]
Name = Annotated[Text, Query(max_length=200)]
COLUMNS = (
    *("id", "site_name", "site_id", "severity", "status", "lifecycle", "detected_at"),
    *("resolved_at", "description", "affected_services", "affected_subscribers", "assigned_to"),
    *("root_cause", "resolution_notes", "sla_status", "mttr_minutes", "amount", "payment_type"),
)


class OutagePageView(CursorPageView[OutageView]):
    """
    Pass `next_cursor` as `cursor` to go on: nothing is skipped, whatever changes meanwhile. A page of a search may hold
    fewer outages than asked for, and still go on. A `total` above 10,000 is estimated, and that of a search above 5,000.
    """


async def get_filter(
    severity: Severity | None = None,
    status: Literal["open", "resolved", "cancelled"] | None = None,
    lifecycle: OutageStatus | None = None,
    site: Name | None = None,
    agreement: Name | None = None,
    part_of: Name | None = None,
    assigned_to: Name | None = None,
    search: Name | None = None,
    date_from: Bound = None,
    date_to: Bound = None,
    start_date: OlderBound = None,
    end_date: OlderBound = None,
) -> OutageFilter:
    """Read which outages are meant; `start_date` and `end_date` are other names of the two dates."""
    names = (
        "date_from" if start_date is None else "start_date",
        "date_to" if end_date is None else "end_date",
    )
    for one, other, named in (
        (date_from, start_date, "start_date"),
        (date_to, end_date, "end_date"),
    ):
        if one is not None and other is not None:
            raise Invalid(named, "says the same as another parameter: send one of them")
    since, until = parse_bounds(
        start_date if date_from is None else date_from,
        end_date if date_to is None else date_to,
        names,
    )
    statuses = _choose_statuses(status, lifecycle)
    return OutageFilter(
        *(severity, statuses, site, agreement, part_of),
        *(assigned_to, search, since, until),
    )


def _choose_statuses(
    status: str | None, lifecycle: OutageStatus | None
) -> list[OutageStatus] | None:
    """Return what both ask for together: nothing, where they exclude each other."""
    if status is None:
        return None if lifecycle is None else [lifecycle]
    return [each for each in OUTAGE_STATUSES[status] if lifecycle in (None, each)]


async def get_ordering(
    sort: SortName = None,
    sort_field: OlderSortName = None,
    sort_order: OlderOrder = None,
    sort_by: OlderSortName = None,
    sort_direction: OlderOrder = None,
) -> Ordering:
    """Read `sort=-detected_at`, or one of the two pairs of a field and an order."""
    given = {"sort": sort, "sort_field": sort_field, "sort_by": sort_by}
    named = [name for name, field in given.items() if field]
    if len(named) > 1:
        raise Invalid(named[1], "says the same as another parameter: send one of them")
    name = named[0] if named else "sort"
    return parse_ordering(given[name], sort_order or sort_direction, name)


Wanted = Annotated[OutageFilter, Depends(get_filter)]
Sorted = Annotated[Ordering, Depends(get_ordering)]


async def _list(
    database: Database,
    scope: Scope,
    wanted: OutageFilter,
    ordering: Ordering,
    paging: CursorPaging,
) -> OutagePageView:
    after = decode_cursor(paging.cursor, ordering) if paging.cursor else None
    async with database.autocommit() as connection:
        found = await listings.list_page(
            connection,
            scope,
            wanted,
            ordering,
            after=after,
            offset=paging.offset,
            limit=paging.size,
        )
    return OutagePageView(
        items=[OutageView.of(record) for record in found.records],
        total=found.total.count,
        total_is_estimated=found.total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=encode_cursor(ordering, found.next) if found.next else None,
    )


@router.get("")
async def list_outages(
    database: Database,
    scope: OutageScope,
    paging: CursorPaging,
    wanted: Wanted,
    ordering: Sorted,
) -> OutagePageView:
    """List outages, newest first unless sorted otherwise; by `page`, or by `cursor` from a place on."""
    return await _list(database, scope, wanted, ordering, paging)


@router.get("/violations")
async def list_violations(
    database: Database,
    scope: OutageScope,
    paging: CursorPaging,
    wanted: Wanted,
    ordering: Sorted,
) -> OutagePageView:
    """List the outages whose verdict is a violation."""
    return await _list(database, scope, replace(wanted, violated=True), ordering, paging)


@router.get("/export", response_class=StreamingResponse)
async def export_outages(
    engine: Running,
    scope: OutageScope,
    wanted: Wanted,
    ordering: Sorted,
    format: Literal["csv", "json"] = "json",
) -> StreamingResponse:
    """Download every outage of a filter, as CSV for a spreadsheet or as a JSON array."""
    views = _read_all(engine.database, scope, wanted, ordering)
    if format == "csv":
        pieces = render_csv(COLUMNS, _list_cells(views))
        return await answer_file(engine, pieces, "outages.csv", "text/csv; charset=utf-8")
    return await answer_file(engine, _render_array(views), "outages.json", "application/json")


async def _read_all(
    database: Database, scope: Scope, wanted: OutageFilter, ordering: Ordering
) -> AsyncGenerator[OutageView]:
    records = stream_list(database, lambda each: listings.stream(each, scope, wanted, ordering))
    async with aclosing(records):
        async for record in records:
            yield OutageView.of(record)


async def _render_array(views: AsyncGenerator[OutageView]) -> AsyncGenerator[bytes]:
    page, before = bytearray(), b"["
    async with aclosing(views):
        async for view in views:
            page += before + view.model_dump_json().encode()
            before = b","
            if len(page) > FLUSH_CHARACTERS:
                yield bytes(page)
                page.clear()
    yield bytes(page) + (b"[]" if before == b"[" else b"]")


async def _list_cells(views: AsyncGenerator[OutageView]) -> AsyncGenerator[Sequence[Any]]:
    async with aclosing(views):
        async for view in views:
            yield _to_cells(view)


def _to_cells(view: OutageView) -> Sequence[Any]:
    shown = view.model_dump(mode="json")
    sla = shown.pop("sla_status") or {}
    services = json.dumps(shown["affected_services"], ensure_ascii=False)
    cells = shown | {"affected_services": services, "sla_status": sla.get("status")}
    return [cells.get(name, sla.get(name)) for name in COLUMNS]
