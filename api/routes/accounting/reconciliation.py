"""/reconciliation: whether journal and chain say the same, and what people do where they do not."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from adapters.postgres.accounting import breaks, reconciliation
from api import commands
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, CursorPaging, Database, Running
from api.responses import declare_problems
from api.views import CursorPageView, to_number
from domain.access.permissions import Permission
from domain.accounting.breaks import (
    NOTE_MAX,
    OWNER_MAX,
    AdjustmentKind,
    BreakClosure,
    BreakKind,
    BreakRecord,
    BreakStatus,
)
from services.accounting.breaks.assign_break import AssignBreak
from services.accounting.breaks.assign_break import assign_break as assign
from services.accounting.breaks.close_break import CloseBreak
from services.accounting.breaks.close_break import close_break as close

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
READ = [require(Permission.JOURNAL_READ)]
BreakId = Annotated[Text, Path(max_length=64)]
Seconds = Annotated[int, Query(ge=0, le=10**9)]


class OwnerBody(Body):
    owner: str = Field(min_length=1, max_length=OWNER_MAX)


class CloseBreakBody(Body):
    """`suspense` posts the difference to suspense; `none` when there is nothing to post."""

    note: str = Field(min_length=1, max_length=NOTE_MAX)
    adjustment: AdjustmentKind


class StatusView(BaseModel):
    """`as_of` is when the last ledger closed that was compared; null before the first run."""

    open_breaks: dict[str, int]
    as_of: datetime | None = None
    ledger: int | None = None
    lag_seconds: float | None = None
    ran_at: datetime | None = None
    matched_transfers: int = 0
    matched_stroops: str = "0"


class BreakView(BaseModel):
    """Amounts in USDC, and in stroops as text, which is exact; `number` is text because of its length."""

    id: str
    kind: BreakKind
    subject: str
    detail: str
    payment_id: str | None
    number: str | None
    transaction_hash: str | None
    treasury: str | None
    journal_amount: int | float
    journal_stroops: str
    chain_amount: int | float
    chain_stroops: str
    found_at: datetime
    last_seen_at: datetime
    age_seconds: float
    owner: str | None
    status: BreakStatus
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    adjustment: AdjustmentKind | None
    entry_id: str | None

    @classmethod
    def of(cls, record: BreakRecord, now: datetime) -> "BreakView":
        """Its age ends when it is closed."""
        shown: dict[str, Any] = asdict(record) | asdict(record.found)
        for side in ("journal", "chain"):
            shown[f"{side}_amount"] = to_number(shown[f"{side}_stroops"])
            shown[f"{side}_stroops"] = str(shown[f"{side}_stroops"])
        shown["number"] = None if record.found.number is None else str(record.found.number)
        shown["age_seconds"] = ((record.closed_at or now) - record.found_at).total_seconds()
        return cls.model_validate(shown)


@router.get("", dependencies=READ)
async def get_reconciliation(database: Database) -> StatusView:
    """Tell how far journal and chain were compared, and what is open between them."""
    async with database.autocommit() as connection:
        run = await reconciliation.get_last_run(connection)
        counts = await breaks.count_open_by_kind(connection)
    if run is None:
        return StatusView(open_breaks=counts)
    as_of = run.closed_at
    return StatusView(
        as_of=as_of,
        ledger=run.ledger,
        lag_seconds=None if as_of is None else (datetime.now(UTC) - as_of).total_seconds(),
        ran_at=run.at,
        matched_transfers=run.matched,
        matched_stroops=str(run.matched_stroops),
        open_breaks=counts,
    )


@router.get("/breaks", dependencies=READ)
async def list_breaks(
    database: Database,
    paging: CursorPaging,
    kind: BreakKind | None = None,
    status: BreakStatus | None = None,
    owner: Text | None = None,
    older_than_seconds: Seconds | None = None,
    in_suspense: bool = False,
) -> CursorPageView[BreakView]:
    """List breaks, newest first; `in_suspense`: those alone whose loss is in suspense, for nobody has resolved it."""
    now = datetime.now(UTC)
    before = None if older_than_seconds is None else now - timedelta(seconds=older_than_seconds)
    async with database.autocommit() as connection:
        rows, total = await breaks.list_page(
            connection,
            kind=kind,
            status=status,
            owner=owner,
            found_before=before,
            in_suspense=in_suspense,
            segment=paging.find_segment("breaks"),
        )
    items = [BreakView.of(row, now) for row in rows]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("breaks", rows, "found_at", "id"),
    )


@router.get("/breaks/{break_id}", dependencies=READ, responses=declare_problems(404))
async def show_break(break_id: BreakId, database: Database) -> BreakView:
    """Show one break, with its age."""
    async with database.autocommit() as connection:
        return BreakView.of(await breaks.get(connection, break_id), datetime.now(UTC))


@router.post(
    "/breaks/{break_id}/owner",
    dependencies=[require(Permission.BREAKS_ASSIGN)],
    responses=declare_problems(404, 409),
)
async def assign_break(
    break_id: BreakId, body: OwnerBody, database: Database, asked: Asked
) -> BreakView:
    """Say who looks after a break."""
    now = datetime.now(UTC)
    return BreakView.of(await assign(database, AssignBreak(break_id, body.owner, asked, now)), now)


@router.post(
    "/breaks/{break_id}/close",
    dependencies=[require(Permission.BREAKS_CLOSE)],
    responses=declare_problems(404, 409),
)
async def close_break(
    break_id: BreakId, body: CloseBreakBody, engine: Running, asked: Asked
) -> BreakView:
    """Close a break; what is asked again is answered again, anything else is refused."""
    now = datetime.now(UTC)
    closing = BreakClosure(body.adjustment, body.note, asked.actor, now)
    closed = await close(engine.database, CloseBreak(break_id, closing, asked))
    if closed.found.payment_id is not None:
        # It may have waited for somebody to say what the transfer was.
        await commands.retry_payment(engine, closed.found.payment_id)
    return BreakView.of(closed, now)
