"""/console/sources: who sends alerts, and when each was last heard."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.permissions import require
from api.console.forms.submissions import read_form
from api.console.pages import find_age, render_page
from api.dependencies import Caller, CursorPage, Database
from api.routes.sla.intake import sources
from domain.access.permissions import Permission

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
PAGE = 100


@router.get("/sources", dependencies=[require(Permission.OUTAGES_READ)])
async def show_sources(
    request: Request,
    database: Database,
    caller: Caller,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """List the sources by their names, as the API does."""
    now, wanted = datetime.now(UTC), CursorPage(page, PAGE)
    found = await sources.list_sources(database, wanted, Response())
    return render_page(
        *(request, caller, "sources.html"),
        sources=found,
        ages={each.name: find_age(each.last_heard_at, now) for each in found},
        number=page,
        more=len(found) == PAGE,
    )
