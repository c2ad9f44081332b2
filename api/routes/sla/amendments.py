"""/outages/{outage_id}: correct an outage, or cancel what was none."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from adapters.postgres.sla import outages, policies
from api import commands
from api.access.permissions import require
from api.bodies import AmendBody, CancelBody, Text
from api.dependencies import Asked, Condition, Engine, Running, UpdateId
from api.responses import declare_problems
from api.routes.sla.outages import OutageId, show_outage
from api.views import OutageView, to_outage_status
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.sla.outage_rules import CANCEL_REASON_MAX, check_resolution
from domain.sla.outages import (
    Amendment,
    AmendOutageInput,
    Cancellation,
    OutageStatus,
    RecordedOutage,
    Resolution,
    find_changes,
)
from domain.sla.verdicts import Severity, compute_payable, judge
from services.sla.outages.amend_outage import amend_outage as amend_closed

router = APIRouter(prefix="/outages", tags=["outages"])
RESOLVE = [require(Permission.OUTAGES_RESOLVE)]
DELETED = "deleted"


@router.put("/{outage_id}", dependencies=RESOLVE, responses=declare_problems(404, 409))
@router.patch("/{outage_id}", dependencies=RESOLVE, responses=declare_problems(404, 409))
async def amend_outage(
    outage_id: OutageId,
    body: AmendBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
) -> OutageView:
    """
    Correct an outage: fields that are not sent stay, and one that is sent with the value it has is no
    change. Times and identity never change.
    """
    now, version = datetime.now(UTC), condition.get_version()
    async with engine.database.autocommit() as connection:
        recorded = await outages.get(connection, outage_id, EVERYTHING)
        changes = find_changes(recorded, body.changes())
        resolution = None
        if recorded.status is OutageStatus.DECLARED:
            resolution = body.resolution(asked, now, None if changes else version)
            await _check_end(connection, recorded, changes, resolution, now)
        else:
            _check_same_end(recorded, body)
    if changes and recorded.status is OutageStatus.CLOSED:
        # Its workflow has ended; what may still be said of it bears on no money.
        amending = AmendOutageInput(outage_id, Amendment(asked, changes, version), update_id, now)
        await amend_closed(engine.database, amending)
    elif changes:
        await commands.amend(engine, outage_id, Amendment(asked, changes, version), update_id)
    if resolution is not None:
        await _resolve(engine, outage_id, resolution, f"{update_id}-resolve", body)
    return await show_outage(engine, outage_id, response, EVERYTHING)


async def _resolve(
    engine: Engine, outage_id: str, resolution: Resolution, update_id: str, body: AmendBody
) -> None:
    """Resolve an outage, unless that was done meanwhile with the same end: whoever was answered 503 repeats it."""
    try:
        await commands.resolve(engine, outage_id, resolution, update_id)
    except Conflict:
        async with engine.database.autocommit() as connection:
            recorded = await outages.get(connection, outage_id, EVERYTHING)
        if recorded.judged is None:
            raise
        _check_same_end(recorded, body)


async def _check_end(
    connection: Any,
    recorded: RecordedOutage,
    changes: dict[str, Any],
    resolution: Resolution | None,
    now: datetime,
) -> None:
    """Refuse an end that cannot be judged, before anything is corrected."""
    if resolution is None:
        return
    outage = recorded.outage
    check_resolution(outage, resolution, now)
    policy = await policies.get_version(connection, recorded.policy, recorded.policy_version)
    severity = Severity(changes.get("severity", outage.severity))
    compute_payable(judge(policy.terms[severity], resolution.get_times(outage)[1]))


def _check_same_end(recorded: RecordedOutage, body: AmendBody) -> None:
    """Refuse to end an outage anew, or not to have ended; the end on record may be said again."""
    named, status = f"outage {recorded.outage.id!r} is {recorded.status}", body.status
    if "status" in body.model_fields_set and status != to_outage_status(recorded.status):
        reopen = "; inside its dispute window it is reopened by POST /outages/{id}/reopen"
        how = reopen if status == "open" else ""
        raise Conflict(f"{named}; its status can no longer become {status}{how}")
    minutes = None if recorded.judged is None else recorded.judged[1].mttr_minutes
    said = ((body.resolved_at, recorded.resolved_at), (body.mttr_minutes, minutes))
    if any(new is not None and new != known for new, known in said):
        raise Conflict(f"{named}; its times can no longer change")


@router.delete("/{outage_id}", dependencies=RESOLVE, responses=declare_problems(404, 409))
async def delete_outage(
    outage_id: OutageId,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
    reason: Annotated[Text, Query(min_length=1, max_length=CANCEL_REASON_MAX)] = DELETED,
) -> OutageView:
    """Cancel an outage that was none: it stays on record. One that is judged cannot be deleted."""
    await commands.cancel(
        engine, outage_id, Cancellation(asked, reason, condition.get_version()), update_id
    )
    return await show_outage(engine, outage_id, response, EVERYTHING)


@router.post(
    "/{outage_id}/cancel",
    dependencies=RESOLVE,
    status_code=202,
    responses=declare_problems(404, 409),
)
async def cancel_outage(
    outage_id: OutageId,
    body: CancelBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
) -> OutageView:
    """It was never an outage: end it without a verdict."""
    cancellation = Cancellation(asked, body.reason, condition.get_version())
    await commands.cancel(engine, outage_id, cancellation, update_id)
    return await show_outage(engine, outage_id, response, EVERYTHING)
