"""/inspections: whether the book keeps its promises, as the last inspection by the clock found it."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from adapters.postgres import inspections
from api.dependencies import Caller, Database, Paging
from api.views import PageView
from domain.invariants import PROMISES, Invariant

router = APIRouter(prefix="/inspections", tags=["inspections"])


class PromiseView(BaseModel):
    """One promise of the book, and how many findings break it now."""

    invariant: Invariant
    promise: str
    findings: int


class InspectionView(BaseModel):
    """`inspected_at` is null before the first inspection, and `clean` then too: nobody has looked."""

    inspected_at: datetime | None
    took_ms: int | None
    clean: bool | None
    overdue: int
    promises: list[PromiseView]


class FindingView(BaseModel):
    """`overdue` breaks no promise: it has waited for too long. Null `mended_at`: it stands."""

    id: str
    invariant: Invariant
    overdue: bool
    subject: str
    detail: str
    found_at: datetime
    last_seen_at: datetime
    mended_at: datetime | None


@router.get("")
async def get_inspection(database: Database, caller: Caller) -> InspectionView:
    """Tell when the whole book was last inspected, and which of its promises are broken."""
    async with database.autocommit() as connection:
        last = await inspections.newest(connection)
        counts = await inspections.standing_by_promise(connection)
    return InspectionView(
        inspected_at=None if last is None else last["at"],
        took_ms=None if last is None else last["took_ms"],
        clean=None if last is None else last["broken"] == 0,
        overdue=0 if last is None else last["overdue"],
        promises=[
            PromiseView(invariant=invariant, promise=promise, findings=counts[invariant])
            for invariant, promise in PROMISES.items()
        ],
    )


@router.get("/findings")
async def list_findings(
    database: Database,
    caller: Caller,
    paging: Paging,
    invariant: Invariant | None = None,
    overdue: bool | None = None,
    standing: bool | None = None,
) -> PageView[FindingView]:
    """List what inspections found, newest first; `standing` leaves out, or shows, what is mended."""
    async with database.autocommit() as connection:
        rows, total = await inspections.page(
            connection,
            invariant=invariant,
            overdue=overdue,
            standing=standing,
            offset=paging.offset,
            limit=paging.size,
        )
    items = [FindingView.model_validate(dict(row)) for row in rows]
    return PageView(items=items, total=total, page=paging.number, page_size=paging.size)
