"""/reconciliation/breaks/{id}/clearing: what became of the money that a closed break left in suspense."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from adapters.postgres import breaks, clearings
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Database, get_admin
from api.responses import problems
from domain.clearings import NOTE_MAX, Clearing, ClearingRecord, Outcome
from domain.money import decimal
from services.accounting.breaks.resolve_break import ResolveBreak, resolve_break

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
    def of(cls, record: ClearingRecord) -> "ClearingView":
        said, stroops = record.clearing, record.amount_stroops
        return cls(
            break_id=said.break_id,
            outcome=said.outcome,
            amount=decimal(stroops),
            amount_stroops=str(stroops),
            entry_id=record.entry_id,
            note=said.note,
            cleared_by=said.cleared_by,
            cleared_at=said.at,
        )


@router.get("/breaks/{break_id}/clearing", responses=problems(404))
async def show_clearing(
    break_id: BreakId, database: Database, caller: Caller
) -> ClearingView | None:
    """Show what became of the money; null while it is in suspense, or where there never was any."""
    async with database.autocommit() as connection:
        await breaks.get(connection, break_id)
        known = await clearings.get(connection, break_id)
    return None if known is None else ClearingView.of(known)


@router.post(
    "/breaks/{break_id}/clearing", dependencies=[Depends(get_admin)], responses=problems(404, 409)
)
async def clear_break(
    break_id: BreakId, body: ClearingBody, database: Database, asked: Asked
) -> ClearingView:
    """Clear what a closed break left in suspense (admin); asked again it is answered again."""
    clearing = Clearing(break_id, body.outcome, body.note, asked.actor, datetime.now(UTC))
    return ClearingView.of(await resolve_break(database, ResolveBreak(clearing, asked)))
