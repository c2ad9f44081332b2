"""/reconciliation/breaks/{id}/resolution: what became of the money that a closed break left in suspense."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from adapters.postgres.accounting import break_resolutions, breaks
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, Database
from api.responses import declare_problems
from api.views import to_number
from domain.access.permissions import Permission
from domain.accounting.break_resolutions import (
    NOTE_MAX,
    BreakResolution,
    BreakResolutionOutcome,
    BreakResolutionRecord,
)
from services.accounting.breaks.resolve_break import ResolveBreak
from services.accounting.breaks.resolve_break import resolve_break as resolve

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])
BreakId = Annotated[Text, Path(max_length=64)]


class ResolveBreakBody(Body):
    """`recovered`: it is in the treasury again; `written_off`: it is given up."""

    outcome: BreakResolutionOutcome
    note: str = Field(min_length=1, max_length=NOTE_MAX)


class BreakResolutionView(BaseModel):
    break_id: str
    outcome: BreakResolutionOutcome
    amount: int | float
    amount_stroops: str
    entry_id: str
    note: str
    resolved_by: str
    resolved_at: datetime

    @classmethod
    def of(cls, record: BreakResolutionRecord) -> "BreakResolutionView":
        said, stroops = record.resolution, record.amount_stroops
        return cls(
            break_id=said.break_id,
            outcome=said.outcome,
            amount=to_number(stroops),
            amount_stroops=str(stroops),
            entry_id=record.entry_id,
            note=said.note,
            resolved_by=said.resolved_by,
            resolved_at=said.at,
        )


@router.get(
    "/breaks/{break_id}/resolution",
    dependencies=[require(Permission.JOURNAL_READ)],
    responses=declare_problems(404),
)
async def show_break_resolution(
    break_id: BreakId, database: Database
) -> BreakResolutionView | None:
    """Show what became of the money; null while it is in suspense, or where there never was any."""
    async with database.autocommit() as connection:
        await breaks.get(connection, break_id)
        known = await break_resolutions.get(connection, break_id)
    return None if known is None else BreakResolutionView.of(known)


@router.post(
    "/breaks/{break_id}/resolution",
    dependencies=[require(Permission.BREAKS_CLOSE)],
    responses=declare_problems(404, 409),
)
async def resolve_break(
    break_id: BreakId, body: ResolveBreakBody, database: Database, asked: Asked
) -> BreakResolutionView:
    """Clear what a closed break left in suspense (admin); asked again it is answered again."""
    resolution = BreakResolution(break_id, body.outcome, body.note, asked.actor, datetime.now(UTC))
    return BreakResolutionView.of(await resolve(database, ResolveBreak(resolution, asked)))
