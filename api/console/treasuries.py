"""/console/treasuries: the accounts that agreements pay from, and what each of them lacks."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.permissions import require
from api.bodies import Text
from api.console.forms.submissions import read_form
from api.console.pages import find_age, render_page
from api.dependencies import Caller, CursorPage, Database
from api.routes.sla import treasuries
from domain.access.permissions import Permission

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
PAGE = 50


@router.get("/treasuries", dependencies=[require(Permission.PAYMENTS_READ)])
async def show_treasuries(
    request: Request,
    database: Database,
    caller: Caller,
    cursor: Annotated[Text | None, Query(max_length=300)] = None,
) -> Response:
    """List the treasuries by address, as the API does."""
    now = datetime.now(UTC)
    found = await treasuries.list_treasuries(database, CursorPage(1, PAGE, cursor or None))
    return render_page(
        *(request, caller, "treasuries.html"),
        treasuries=found.items,
        total=found.total,
        ages={each.address: find_age(each.seen_at, now) for each in found.items},
        cursor=cursor,
        next_cursor=found.next_cursor,
    )
