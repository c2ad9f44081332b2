"""/reconciliation: whether book and chain say the same, and what people do where they do not."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import breaks, events, ledger, payments, reconciliation
from adapters.postgres.database import Database as Book
from api import commands
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Database, Paging, Running, get_admin
from api.responses import problems
from api.views import PageView
from domain.audit import leaf
from domain.breaks import (
    NOTE_MAX,
    OWNER_MAX,
    Break,
    BreakKind,
    BreakStatus,
    Closing,
    ClosingKind,
    closing_entry,
)
from domain.errors import Conflict, Invalid
from domain.events import EventType, event
from domain.money import decimal
from domain.outages import Request

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
BreakId = Annotated[Text, Path(max_length=64)]
Seconds = Annotated[int, Query(ge=0, le=10**9)]


class OwnerBody(Body):
    owner: str = Field(min_length=1, max_length=OWNER_MAX)


class ClosingBody(Body):
    """`suspense` books the difference into suspense; `none` when there is nothing to book."""

    note: str = Field(min_length=1, max_length=NOTE_MAX)
    closing: ClosingKind


class StatusView(BaseModel):
    """`as_of` is when the last ledger closed that was compared; null before the first run."""

    as_of: datetime | None
    ledger: int | None
    lag_seconds: float | None
    ran_at: datetime | None
    matched_transfers: int
    matched_stroops: str
    open_breaks: dict[str, int]


class BreakView(BaseModel):
    id: str
    kind: BreakKind
    subject: str
    detail: str
    payment_id: str | None
    number: str | None
    transaction_hash: str | None
    treasury: str | None
    book_amount: str
    book_stroops: str
    chain_amount: str
    chain_stroops: str
    found_at: datetime
    last_seen_at: datetime
    age_seconds: float
    owner: str | None
    status: BreakStatus
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    closing: ClosingKind | None
    entry_id: str | None

    @classmethod
    def of(cls, row: RowMapping, now: datetime) -> "BreakView":
        """Its age ends when it is closed."""
        shown: dict[str, Any] = dict(row)
        shown["number"] = None if row["number"] is None else str(row["number"])
        for side in ("book", "chain"):
            shown[f"{side}_amount"] = decimal(row[f"{side}_stroops"])
            shown[f"{side}_stroops"] = str(row[f"{side}_stroops"])
        shown["age_seconds"] = ((row["closed_at"] or now) - row["found_at"]).total_seconds()
        return cls.model_validate(shown)


@router.get("")
async def get_reconciliation(database: Database, caller: Caller) -> StatusView:
    """Tell how far book and chain were compared, and what is open between them."""
    async with database.autocommit() as connection:
        run = await reconciliation.last_run(connection)
        counts = await breaks.open_by_kind(connection)
    if run is None:
        return StatusView(
            as_of=None,
            ledger=None,
            lag_seconds=None,
            ran_at=None,
            matched_transfers=0,
            matched_stroops="0",
            open_breaks=counts,
        )
    as_of = run["closed_at"]
    return StatusView(
        as_of=as_of,
        ledger=run["ledger"],
        lag_seconds=None if as_of is None else (datetime.now(UTC) - as_of).total_seconds(),
        ran_at=run["at"],
        matched_transfers=run["matched"],
        matched_stroops=str(run["matched_stroops"]),
        open_breaks=counts,
    )


@router.get("/breaks")
async def list_breaks(
    database: Database,
    caller: Caller,
    paging: Paging,
    kind: BreakKind | None = None,
    status: BreakStatus | None = None,
    owner: Text | None = None,
    older_than_seconds: Seconds | None = None,
) -> PageView[BreakView]:
    """List breaks, newest first."""
    now = datetime.now(UTC)
    before = None if older_than_seconds is None else now - timedelta(seconds=older_than_seconds)
    async with database.autocommit() as connection:
        rows, total = await breaks.page(
            connection,
            kind=kind,
            status=status,
            owner=owner,
            found_before=before,
            offset=paging.offset,
            limit=paging.size,
        )
    items = [BreakView.of(row, now) for row in rows]
    return PageView(items=items, total=total, page=paging.number, page_size=paging.size)


@router.get("/breaks/{break_id}", responses=problems(404))
async def show_break(break_id: BreakId, database: Database, caller: Caller) -> BreakView:
    async with database.autocommit() as connection:
        return BreakView.of(await breaks.get(connection, break_id), datetime.now(UTC))


@router.post("/breaks/{break_id}/owner", responses=problems(404, 409))
async def assign_break(
    break_id: BreakId, body: OwnerBody, database: Database, asked: Asked
) -> BreakView:
    """Say who looks after a break."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        row = await breaks.get(connection, break_id, lock=True)
        if row["status"] != BreakStatus.OPEN:
            raise Conflict(f"break {break_id} is closed; its owner can no longer be changed")
        if row["owner"] != body.owner:
            await breaks.assign(connection, break_id, body.owner)
            facts = {"break_id": break_id, "owner": body.owner, "before": row["owner"]}
            told = leaf(f"break/{break_id}", "break.assigned", asked, now, facts, now.isoformat())
            await events.publish(connection, told)
        return BreakView.of(await breaks.get(connection, break_id), now)


@router.post(
    "/breaks/{break_id}/close", dependencies=[Depends(get_admin)], responses=problems(404, 409)
)
async def close_break(
    break_id: BreakId, body: ClosingBody, engine: Running, asked: Asked
) -> BreakView:
    """Close a break; what is asked again is answered again, anything else is refused."""
    closed = await close_in_book(engine.database, break_id, body, asked)
    if closed.payment_id is not None:
        # It may have waited for somebody to say what the transfer was.
        await commands.retry_payment(engine, closed.payment_id)
    return closed


async def close_in_book(
    database: Book, break_id: str, body: ClosingBody, asked: Request
) -> BreakView:
    now = datetime.now(UTC)
    closing = Closing(body.closing, body.note, asked.actor, now)
    async with database.transaction() as connection:
        row = await breaks.get(connection, break_id, lock=True)
        if row["status"] == BreakStatus.OPEN:
            await _close(connection, row, closing, asked)
        elif (row["closing"], row["note"], row["closed_by"]) != (
            closing.kind,
            closing.note,
            closing.closed_by,
        ):
            raise Conflict(f"break {break_id} was closed by {row['closed_by']}")
        return BreakView.of(await breaks.get(connection, break_id), now)


async def _close(
    connection: AsyncConnection, row: RowMapping, closing: Closing, asked: Request
) -> None:
    found = breaks.break_of(row)
    entry = None
    if closing.kind is ClosingKind.NONE:
        await _refuse_in_doubt(connection, found)
    if closing.kind is ClosingKind.SUSPENSE:
        await _refuse_twice(connection, found)
        entry = closing_entry(found, *await breaks.sides(connection, found))
        if entry is None:
            raise Invalid(
                "closing", "the break has no difference to post; close it with closing none"
            )
        await ledger.book(connection, entry)
    await breaks.close(connection, row["id"], closing, entry.id if entry else None)
    facts = found.facts() | {
        "closing": closing.kind,
        "note": closing.note,
        "closed_by": closing.closed_by,
        "entry_id": entry.id if entry else None,
    }
    await events.publish(
        connection,
        leaf(f"break/{row['id']}", "break.closed", asked, closing.at, facts),
        event(EventType.BREAK_CLOSED, None, closing.at, facts, row["id"]),
    )


async def _refuse_in_doubt(connection: AsyncConnection, found: Break) -> None:
    """A transfer made by hand under the number of a payment is that payment, or it is made as well."""
    if found.kind is not BreakKind.MISSING_IN_BOOK or found.payment_id is None:
        return
    payment = await payments.get(connection, found.payment_id)
    if payment["transaction_hash"] is None and not await breaks.by_own_bytes(connection, found):
        raise Conflict(
            f"payment {found.payment_id} is not paid: adopt this transfer as the payment first, with POST"
            f" /payments/{found.payment_id}/adoption, or close it with suspense to have it made as well"
        )


async def _refuse_twice(connection: AsyncConnection, found: Break) -> None:
    """What was booked under another name, or will be by whoever confirms the payment, is not again."""
    if (other := await breaks.booked_by_another(connection, found)) is not None:
        raise Conflict(f"the difference was posted with break {other}; close it with none")
    if found.kind is not BreakKind.MISSING_IN_BOOK or found.payment_id is None:
        return
    payment = await payments.get(connection, found.payment_id)
    if payment["transaction_hash"] == found.transaction_hash:
        raise Conflict("the transfer was confirmed meanwhile; close the break with closing none")
    if payment["transaction_hash"] is None and await breaks.by_own_bytes(connection, found):
        raise Conflict(
            "the engine's own bytes made this transfer, and the settlement worker books it when it"
            " confirms the payment; close it with none"
        )
