"""/sla/disputes: object to a verdict, and decide the objection."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from adapters.postgres.sla import disputes, outages
from api import commands
from api.access.permissions import require
from api.access.scopes import DisputeScope, FilingScope
from api.bodies import Body, Minutes, Text
from api.dependencies import Asked, Condition, CursorPaging, Database, Running, UpdateId
from api.rendering.disputes import DisputeView
from api.rendering.trails import TrailStepView
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING, Scope
from domain.digests import derive_id
from domain.sla.disputes import (
    NOTE_MAX,
    REASON_MAX,
    UNDECIDED,
    Dispute,
    DisputeDecision,
    DisputeStatus,
    Review,
)
from domain.sla.outage_rules import ID_MAX
from domain.sla.verdicts import Severity
from services.sla.disputes.read_history import read_history

router = APIRouter(prefix="/sla/disputes", tags=["disputes"])
DisputeId = Annotated[Text, Path(max_length=64)]


class DisputeBody(Body):
    outage_id: str = Field(max_length=ID_MAX)
    reason: str = Field(min_length=1, max_length=REASON_MAX)


class DecideDisputeBody(Body):
    """
    `review` takes the dispute up, to be decided later; `resolve` upholds it, with `mttr_minutes` or a
    `severity` if the outage is to be judged again.
    """

    action: Literal["review", "resolve", "reject"]
    resolution_note: str = Field("", max_length=NOTE_MAX)
    mttr_minutes: Minutes | None = None
    severity: Severity | None = None


class WithdrawBody(Body):
    note: str = Field("", max_length=NOTE_MAX)


@router.post("", status_code=201, responses=declare_problems(404, 409))
async def file_dispute(
    body: DisputeBody, engine: Running, asked: Asked, update_id: UpdateId, scope: FilingScope
) -> DisputeView:
    """Object to a verdict while its dispute window is open; the money waits for a decision."""
    async with engine.database.autocommit() as connection:
        await outages.get(connection, body.outage_id, scope)
    # The same question asked again has the same id, and is answered with the dispute the first one filed.
    dispute_id = derive_id("dsp", body.outage_id, update_id)
    dispute = Dispute(dispute_id, body.outage_id, body.reason, asked, scope.party)
    await commands.file_dispute(engine, dispute, update_id)
    return await get_dispute(dispute_id, engine.database, scope)


async def get_dispute(dispute_id: str, database: Database, scope: Scope) -> DisputeView:
    async with database.autocommit() as connection:
        return DisputeView.model_validate(await disputes.get(connection, dispute_id, scope))


@router.get("")
async def list_disputes(
    database: Database,
    scope: DisputeScope,
    paging: CursorPaging,
    outage_id: Text | None = None,
    status: DisputeStatus | None = None,
) -> CursorPageView[DisputeView]:
    """List disputes, newest first."""
    async with database.autocommit() as connection:
        rows, total = await disputes.list_page(
            connection,
            scope,
            paging.find_segment("disputes"),
            outage_id=outage_id,
            status=status,
        )
    items = [DisputeView.model_validate(row) for row in rows]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("disputes", items, "created_at", "id"),
    )


@router.get("/{dispute_id}", responses=declare_problems(404))
async def show_dispute(
    dispute_id: DisputeId, database: Database, scope: DisputeScope
) -> DisputeView:
    """Show one dispute."""
    return await get_dispute(dispute_id, database, scope)


@router.get("/{dispute_id}/history", responses=declare_problems(404))
async def get_history(
    dispute_id: DisputeId, database: Database, scope: DisputeScope
) -> list[TrailStepView]:
    """Show every recorded step of one dispute, the first one first, each with who took it."""
    found = await read_history(database, dispute_id, scope)
    return [TrailStepView.of(entry) for entry in found]


@router.post("/{dispute_id}/withdraw", responses=declare_problems(404, 409))
async def withdraw_dispute(
    dispute_id: DisputeId,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    scope: FilingScope,
    body: WithdrawBody | None = None,
) -> DisputeView:
    """Take your own dispute back, or one of your party: the verdict stands, and is settled at once."""
    dispute = await get_dispute(dispute_id, engine.database, scope)
    note = "" if body is None else body.note
    decision = DisputeDecision(dispute_id, False, asked, note, withdrawn=True, party=scope.party)
    await commands.decide_dispute(engine, dispute.outage_id, decision, update_id)
    return await get_dispute(dispute_id, engine.database, scope)


@router.patch(
    "/{dispute_id}",
    dependencies=[require(Permission.DISPUTES_DECIDE)],
    responses=declare_problems(404, 409),
)
async def decide_dispute(
    dispute_id: DisputeId,
    body: DecideDisputeBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
) -> DisputeView:
    """
    Take a dispute up, or decide it. Decided, the outage is settled at once by what the decision leaves
    standing.
    """
    dispute = await get_dispute(dispute_id, engine.database, EVERYTHING)
    if dispute.status in UNDECIDED:
        condition.check(dispute, f"dispute {dispute_id}")
    if body.action == "review":
        review = Review(dispute_id, asked)
        await commands.review_dispute(engine, dispute.outage_id, review, update_id)
        return await get_dispute(dispute_id, engine.database, EVERYTHING)
    decision = DisputeDecision(
        dispute_id,
        body.action == "resolve",
        asked,
        body.resolution_note,
        body.mttr_minutes,
        severity=body.severity,
    )
    await commands.decide_dispute(engine, dispute.outage_id, decision, update_id)
    return await get_dispute(dispute_id, engine.database, EVERYTHING)
