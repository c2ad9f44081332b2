"""/outages: declare one, correct it, resolve it, look at it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from adapters.postgres.sla import outages, policies
from api import commands
from api.access.permissions import require
from api.bodies import AmendBody, CancelBody, OutageBody, ResolveBody, Text
from api.dependencies import Asked, Database, Engine, Running, UpdateId
from api.parsing.bounds import Bound, parse_bounds
from api.payment_views import PaymentView
from api.responses import declare_problems
from api.views import AttestationView, OutageView, PageView, SlaView, to_outage_status
from domain.access.permissions import Permission
from domain.errors import Conflict
from domain.sla.outage_rules import CANCEL_REASON_MAX, check_instant, check_resolution
from domain.sla.outages import (
    Amendment,
    AmendOutageInput,
    Cancellation,
    Declaration,
    Outage,
    OutageStatus,
    Resolution,
)
from domain.sla.verdicts import Severity, compute_payable, judge
from services.sla.outages.amend_outage import amend_outage as amend_closed
from services.sla.outages.read_timeline import TimelineFilter, read_timeline
from services.sla.outages.recompute_verdict import recompute_verdict

router = APIRouter(prefix="/outages", tags=["outages"])
OutageId = Annotated[Text, Path(max_length=64)]
DELETED = "deleted"
TIMELINE_MAX = 1000


class ResolvedView(BaseModel):
    """`payment` is what will be paid unless the verdict is disputed in time."""

    outage: OutageView
    sla: SlaView
    payment: PaymentView


class RecomputedView(BaseModel):
    """The verdict as it follows again from what is on record; `agrees` says whether it is the recorded one."""

    sla: SlaView
    payment: PaymentView | None
    agrees: bool


class TimelineView(PageView[dict[str, Any]]):
    """Everything that happened to an outage, in order, with the evidence of each step."""

    outage_id: str


@router.post(
    "",
    dependencies=[require(Permission.OUTAGES_DECLARE)],
    status_code=201,
    responses=declare_problems(404, 409),
)
async def declare_outage(
    body: OutageBody, response: Response, engine: Running, asked: Asked, update_id: UpdateId
) -> OutageView:
    """
    Declare an outage and answer once it is safely on record (201).

    Declaring the same content again answers the same outage (200); other content under the same
    id is refused (409).
    """
    outage, resolution = body.outage(), body.resolution(asked, datetime.now(UTC))
    policy = outage.policy or engine.settings.sla_policy
    await check_declaration(engine.database, outage, policy, resolution)
    recorded = await commands.declare(
        engine, Declaration(outage, asked, policy, engine.settings.sla_agreement)
    )
    if recorded is None or recorded.correlation_id != asked.correlation_id:
        response.status_code = 200
    shown = await _show(engine, outage.id)
    if resolution is None or shown.status != "open":
        return shown
    await commands.resolve(engine, outage.id, resolution, f"{update_id}-resolve")
    return await _show(engine, outage.id)


async def check_declaration(
    database: Database, outage: Outage, policy_name: str, resolution: Resolution | None
) -> None:
    """Refuse before anything begins: a workflow that refuses has already been started."""
    now = datetime.now(UTC)
    check_instant("detected_at", outage.detected_at, now)
    if resolution is not None:
        check_resolution(outage, resolution, now)
    if resolution is not None or outage.policy is not None:
        async with database.autocommit() as connection:
            policy = await policies.get_in_force(connection, policy_name, outage.detected_at)
        if resolution is not None:
            compute_payable(judge(policy.terms[outage.severity], resolution.get_times(outage)[1]))


async def _show(engine: Engine, outage_id: str) -> OutageView:
    async with engine.database.autocommit() as connection:
        return OutageView.of(dict(await outages.get(connection, outage_id)))


@router.get(
    "/{outage_id}", dependencies=[require(Permission.OUTAGES_READ)], responses=declare_problems(404)
)
async def get_outage(outage_id: OutageId, engine: Running) -> OutageView:
    return await _show(engine, outage_id)


@router.put(
    "/{outage_id}",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
@router.patch(
    "/{outage_id}",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def amend_outage(
    outage_id: OutageId, body: AmendBody, engine: Running, asked: Asked, update_id: UpdateId
) -> OutageView:
    """
    Correct an outage: fields that are not sent stay, and one that is sent with the value it has is no
    change. Times and identity never change.
    """
    now = datetime.now(UTC)
    async with engine.database.autocommit() as connection:
        row: Any = await outages.get(connection, outage_id)
        changes = {name: new for name, new in body.changes().items() if row[name] != new}
        resolution = None
        if row["status"] == OutageStatus.DECLARED:
            resolution = body.resolution(asked, now)
            await _check_end(connection, row, changes, resolution, now)
        else:
            _check_same_end(row, body)
    if changes and row["status"] == OutageStatus.CLOSED:
        # Its workflow has ended; what may still be said of it bears on no money.
        amending = AmendOutageInput(outage_id, Amendment(asked, changes), update_id, now)
        await amend_closed(engine.database, amending)
    elif changes:
        await commands.amend(engine, outage_id, Amendment(asked, changes), update_id)
    if resolution is not None:
        await commands.resolve(engine, outage_id, resolution, f"{update_id}-resolve")
    return await _show(engine, outage_id)


async def _check_end(
    connection: Any,
    row: Any,
    changes: dict[str, Any],
    resolution: Resolution | None,
    now: datetime,
) -> None:
    """Refuse an end that cannot be judged, before anything is corrected."""
    if resolution is None:
        return
    outage = outages.to_outage(row)
    check_resolution(outage, resolution, now)
    policy = await policies.get_version(connection, row["policy"], row["policy_version"])
    severity = Severity(changes.get("severity", row["severity"]))
    compute_payable(judge(policy.terms[severity], resolution.get_times(outage)[1]))


def _check_same_end(row: Mapping[str, Any], body: AmendBody) -> None:
    """Refuse to end an outage anew, or not to have ended; the end on record may be said again."""
    status = row["status"]
    if "status" in body.model_fields_set and body.status != to_outage_status(OutageStatus(status)):
        raise Conflict(
            f"outage {row['id']!r} is {status}; its status can no longer become {body.status}"
        )
    said = ((body.resolved_at, row["resolved_at"]), (body.mttr_minutes, row["sla_mttr_minutes"]))
    if any(new is not None and new != known for new, known in said):
        raise Conflict(f"outage {row['id']!r} is {status}; its times can no longer change")


@router.delete(
    "/{outage_id}",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def delete_outage(
    outage_id: OutageId,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    reason: Annotated[Text, Query(min_length=1, max_length=CANCEL_REASON_MAX)] = DELETED,
) -> OutageView:
    """Cancel an outage that was none: it stays on record. One that is judged cannot be deleted."""
    await commands.cancel(engine, outage_id, Cancellation(asked, reason), update_id)
    return await _show(engine, outage_id)


@router.post(
    "/{outage_id}/resolve",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def resolve_outage(
    outage_id: OutageId, body: ResolveBody, engine: Running, asked: Asked, update_id: UpdateId
) -> ResolvedView:
    """The service is back: judge the SLA, open the dispute window, and answer the verdict."""
    judgement = await commands.resolve(engine, outage_id, body.resolution(asked), update_id)
    async with engine.database.autocommit() as connection:
        row = await outages.get(connection, outage_id)
    # Asked again much later, the newest verdict may be another than the one answered.
    newest = row["sla_revision"] == judgement.revision
    attestation = AttestationView.of(dict(row)) if newest else None
    return ResolvedView(
        outage=OutageView.of(dict(row)),
        sla=SlaView.of(judgement.verdict, judgement.revision, attestation),
        payment=PaymentView.planned(judgement.payment),
    )


@router.post(
    "/{outage_id}/cancel",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    status_code=202,
    responses=declare_problems(404, 409),
)
async def cancel_outage(
    outage_id: OutageId, body: CancelBody, engine: Running, asked: Asked, update_id: UpdateId
) -> OutageView:
    """It was never an outage: end it without a verdict."""
    await commands.cancel(engine, outage_id, Cancellation(asked, body.reason), update_id)
    return await _show(engine, outage_id)


@router.post(
    "/{outage_id}/recompute-sla",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def recompute_sla(outage_id: OutageId, database: Database) -> RecomputedView:
    """Compute the verdict again from the terms and times on record. It changes nothing: a dispute does."""
    found = await recompute_verdict(database, outage_id)
    payment = None if found.payment is None else PaymentView.of(found.payment)
    sla = SlaView.of(found.verdict, found.revision)
    return RecomputedView(sla=sla, payment=payment, agrees=found.verdict == found.recorded)


@router.get(
    "/{outage_id}/timeline",
    dependencies=[require(Permission.OUTAGES_READ)],
    responses=declare_problems(404),
)
async def get_timeline(
    outage_id: OutageId,
    database: Database,
    event_type: Annotated[Text, Query(max_length=100)] | None = None,
    start_date: Bound = None,
    end_date: Bound = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=TIMELINE_MAX)] = TIMELINE_MAX,
) -> TimelineView:
    """
    Show the recorded steps of an outage: audit entries, verdicts, payments, deliveries. `event_type` is a
    step, such as `outage.judged`, or what it begins with, such as `payment`.
    """
    since, until = parse_bounds(start_date, end_date, ("start_date", "end_date"))
    wanted = TimelineFilter(event_type, since, until)
    items = await read_timeline(database, outage_id, wanted)
    shown = items[(page - 1) * page_size : page * page_size]
    return TimelineView(
        outage_id=outage_id, items=shown, total=len(items), page=page, page_size=page_size
    )
