"""/reconciliation/breaks/{id}/clearing: what became of the money that a closed break left in suspense."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import breaks, clearings, events, ledger
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Database, get_admin
from api.responses import problems
from domain.audit import leaf
from domain.clearings import NOTE_MAX, Clearing, Outcome, cleared, clearing_entry
from domain.errors import Conflict
from domain.money import decimal
from domain.outages import Request

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
BreakId = Annotated[Text, Path(max_length=64)]


class ClearingBody(Body):
    """`recovered`: it is in the treasury again; `written_off`: it is given up."""

    outcome: Outcome
    note: str = Field(min_length=1, max_length=NOTE_MAX)


class ClearingView(BaseModel):
    break_id: str
    outcome: Outcome
    amount: str
    amount_stroops: str
    entry_id: str
    note: str
    cleared_by: str
    cleared_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "ClearingView":
        stroops = row["amount_stroops"]
        shown = {"amount": decimal(stroops), "amount_stroops": str(stroops)}
        return cls.model_validate(dict(row) | shown)


@router.get("/breaks/{break_id}/clearing", responses=problems(404))
async def show_clearing(
    break_id: BreakId, database: Database, caller: Caller
) -> ClearingView | None:
    """Show what became of the money; null while it is in suspense, or where there never was any."""
    async with database.autocommit() as connection:
        await breaks.get(connection, break_id)
        row = await clearings.get(connection, break_id)
    return None if row is None else ClearingView.of(row)


@router.post(
    "/breaks/{break_id}/clearing", dependencies=[Depends(get_admin)], responses=problems(404, 409)
)
async def clear_break(
    break_id: BreakId, body: ClearingBody, database: Database, asked: Asked
) -> ClearingView:
    """Clear what a closed break left in suspense (admin); asked again it is answered again."""
    clearing = Clearing(break_id, body.outcome, body.note, asked.actor, datetime.now(UTC))
    async with database.transaction() as connection:
        found = await breaks.get(connection, break_id, lock=True)
        known = await clearings.get(connection, break_id)
        if known is None:
            await _clear(connection, found, clearing, asked)
            known = await clearings.get(connection, break_id)
        assert known is not None, "it was kept above"
        said = (clearing.outcome, clearing.note, clearing.cleared_by)
        if (known["outcome"], known["note"], known["cleared_by"]) != said:
            by = f"by {known['cleared_by']}: {known['outcome']}"
            raise Conflict(f"break {break_id} was cleared {by}")
        return ClearingView.of(known)


async def _clear(
    connection: AsyncConnection, found: RowMapping, clearing: Clearing, asked: Request
) -> None:
    closing = await ledger.get(connection, found["entry_id"] or "")
    entry = clearing_entry(clearing, closing, breaks.break_of(found).treasury)
    await ledger.book(connection, entry)
    await clearings.keep(connection, clearing, entry)
    facts = {
        "break_id": clearing.break_id,
        "outcome": clearing.outcome,
        "amount_stroops": str(cleared(entry)),
        "note": clearing.note,
        "entry_id": entry.id,
    }
    subject = f"break/{clearing.break_id}"
    await events.publish(connection, leaf(subject, "break.cleared", asked, clearing.at, facts))
