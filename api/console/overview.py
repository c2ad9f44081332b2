"""/console and /console/outages: what is open and what each outage waits for, and lists with filters."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.scopes import OutageScope
from api.console.attention import count_sections
from api.console.forms.submissions import read_form
from api.console.pages import find_age, render_page
from api.dependencies import Caller, CursorPage, Database, Running
from api.parsing.cursors import CURSOR_MAX
from api.routes.settlement import circuit_breakers
from api.routes.sla import listings
from api.routes.sla.listings import OutagePageView, Sorted, Wanted
from api.views import OutageView
from domain.access.permissions import Permission
from domain.access.scopes import Scope
from domain.reasons import Wait, WaitsFor
from domain.sla.listings import Ordering, OutageFilter
from domain.sla.outages import FINAL, OutageStatus
from services.sla.waits.read_waits import read_waits

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
STANDING = tuple(status for status in OutageStatus if status not in FINAL)
OPEN_MAX, PAGE = 50, 25
# In words, what the codes of WaitsFor are about.
MEANINGS = {
    WaitsFor.REPAIR: "the repair",
    WaitsFor.WINDOW: "the end of the dispute window",
    WaitsFor.DECISION: "the decision of a dispute",
    WaitsFor.APPROVAL: "approval by a second person",
    WaitsFor.CAP: "a cap",
    WaitsFor.HALT: "a halt of settlement",
    WaitsFor.PAYEE: "the payee",
    WaitsFor.TREASURY: "our treasury",
    WaitsFor.REVIEW: "a review of the chain",
    WaitsFor.NETWORK: "the network",
    WaitsFor.NOTHING: "nothing",
}


@dataclass(frozen=True, slots=True)
class OutageRow:
    """An outage, and what it waits for; a reopened one owes nothing."""

    outage: OutageView
    wait: Wait
    meaning: str
    age: float | None
    stroops: str | None


async def read_outages(
    database: Database,
    scope: Scope,
    wanted: OutageFilter,
    ordering: Ordering,
    size: int,
    cursor: str | None = None,
) -> OutagePageView:
    """Return a page of outages as the API lists them, from the beginning or from a cursor on."""
    return await listings.list_outages(
        database, scope, CursorPage(1, size, cursor), wanted, ordering
    )


async def list_rows(engine: Running, found: OutagePageView) -> list[OutageRow]:
    """Return the rows of a page of outages."""
    now = datetime.now(UTC)
    waits = await read_waits(engine.database, [each.id for each in found.items], now)
    return [make_row(each, waits[each.id], now) for each in found.items]


def make_row(outage: OutageView, wait: Wait, now: datetime) -> OutageRow:
    sla = outage.sla_status
    stroops = None if sla is None else sla.amount_stroops
    return OutageRow(outage, wait, MEANINGS[wait.waits_for], find_age(wait.since, now), stroops)


@router.get("")
async def show_overview(
    request: Request, engine: Running, caller: Caller, scope: OutageScope
) -> Response:
    """Show what is open: how many, and the newest with what each waits for."""
    database = engine.database
    counts = {}
    for status in STANDING:
        of_one = OutageFilter(statuses=[status])
        counts[status] = (await read_outages(database, scope, of_one, Ordering(), 1)).total
    standing = OutageFilter(statuses=STANDING)
    found = await read_outages(database, scope, standing, Ordering(), OPEN_MAX)
    halted = None
    if caller.may(Permission.PAYMENTS_READ):
        halted = await circuit_breakers.get_circuit_breaker(database)
    asked = await count_sections(engine, caller)
    rows = await list_rows(engine, found)
    return render_page(
        *(request, caller, "overview.html"),
        counts=counts,
        rows=rows,
        total=found.total,
        halted=halted,
        asked=asked,
    )


@router.get("/outages")
async def list_outages(
    request: Request,
    engine: Running,
    caller: Caller,
    scope: OutageScope,
    wanted: Wanted,
    ordering: Sorted,
    cursor: Annotated[str | None, Query(max_length=CURSOR_MAX)] = None,
) -> Response:
    """List outages by the filters and the cursor of the API."""
    found = await read_outages(engine.database, scope, wanted, ordering, PAGE, cursor)
    asked = {name: text for name, text in request.query_params.items() if name != "cursor"}
    more = None
    if found.next_cursor is not None:
        more = "?" + urlencode(asked | {"cursor": found.next_cursor})
    return render_page(
        *(request, caller, "outages.html"),
        rows=await list_rows(engine, found),
        total=found.total,
        asked=asked,
        more=more,
        first=f"?{urlencode(asked)}" if cursor else None,
        lifecycles=list(map(str, OutageStatus)),
    )
