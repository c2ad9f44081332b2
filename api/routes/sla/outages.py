"""/outages: declare one, correct it, resolve it, look at it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from adapters.postgres.sla import outages
from api import commands
from api.access.permissions import require
from api.access.scopes import OutageScope
from api.bodies import OutageBody, ResolveBody, Text
from api.dependencies import Asked, Caller, Condition, Database, Engine, Running, UpdateId
from api.parsing.bounds import Bound, parse_bounds
from api.parsing.declarations import check_declaration, make_declaration
from api.payment_views import PaymentView
from api.protocol.etags import set_tag
from api.responses import declare_known, declare_problems
from api.views import AttestationView, OutageView, PageView, SlaView
from domain.access.permissions import Permission
from domain.access.principals import check_permission
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict
from domain.sla.outages import RecordedOutage, Resolution
from services.sla.outages.read_timeline import TimelineFilter, read_timeline
from services.sla.outages.recompute_verdict import recompute_verdict

router = APIRouter(prefix="/outages", tags=["outages"])
RESOLVE = [require(Permission.OUTAGES_RESOLVE)]
OutageId = Annotated[Text, Path(max_length=64)]
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
    responses=declare_problems(404, 409) | declare_known(OutageView),
)
async def declare_outage(
    body: OutageBody,
    response: Response,
    engine: Running,
    caller: Caller,
    asked: Asked,
    update_id: UpdateId,
) -> OutageView:
    """
    Declare an outage and answer once it is safely on record (201). With `status: resolved` it takes the
    permission to resolve as well.

    Declaring the same content again answers the same outage (200); other content under the same
    id is refused (409).
    """
    outage, resolution = body.outage(), body.resolution(asked, datetime.now(UTC))
    if resolution is not None:
        check_permission(caller, Permission.OUTAGES_RESOLVE)
    declaration = make_declaration(engine, outage, asked)
    await check_declaration(engine.database, declaration, resolution)
    declared = await commands.declare(engine, declaration)
    if not declared.recorded.created:
        response.status_code = 200
    shown = show_record(declared.outage, response)
    if resolution is None or _is_resolved_so(shown, body, resolution):
        return shown
    try:
        await commands.resolve(engine, outage.id, resolution, f"{update_id}-resolve")
    except Conflict:
        # Whoever was answered 503 a moment ago, and repeats it, may find it done meanwhile.
        shown = await show_outage(engine, outage.id, response, EVERYTHING)
        if _is_resolved_so(shown, body, resolution):
            return shown
        raise
    return await show_outage(engine, outage.id, response, EVERYTHING)


def _is_resolved_so(shown: OutageView, body: OutageBody, resolution: Resolution) -> bool:
    """Tell whether an outage has ended as is said; raises Conflict when it has another end."""
    if shown.resolved_at is None:
        return False
    if body.timed() and resolution.get_times(body.outage())[0] != shown.resolved_at:
        raise Conflict(f"outage {shown.id!r} was resolved before with another end")
    return True


async def show_outage(
    engine: Engine, outage_id: str, response: Response, scope: Scope
) -> OutageView:
    async with engine.database.autocommit() as connection:
        record = await outages.get(connection, outage_id, scope)
    return show_record(record, response)


def show_record(record: RecordedOutage, response: Response) -> OutageView:
    shown = OutageView.of(record)
    set_tag(response, shown, record.version)
    return shown


@router.get("/{outage_id}", responses=declare_problems(404))
async def get_outage(
    outage_id: OutageId, engine: Running, response: Response, scope: OutageScope
) -> OutageView:
    """Show one outage with its agreement, its parts and its newest verdict."""
    return await show_outage(engine, outage_id, response, scope)


@router.post("/{outage_id}/resolve", dependencies=RESOLVE, responses=declare_problems(404, 409))
async def resolve_outage(
    outage_id: OutageId,
    body: ResolveBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
) -> ResolvedView:
    """The service is back: judge the SLA, open the dispute window, and answer the verdict."""
    resolution = body.resolution(asked, condition.get_version())
    judgement = await commands.resolve(engine, outage_id, resolution, update_id)
    async with engine.database.autocommit() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
    # Asked again much later, the newest verdict may be another than the one answered.
    newest = record.judged is not None and record.judged[0] == judgement.revision
    attestation = AttestationView.of(record.attestation) if newest else None
    return ResolvedView(
        outage=OutageView.of(record),
        sla=SlaView.of(judgement.verdict, judgement.revision, attestation),
        payment=PaymentView.planned(judgement.payment),
    )


@router.post(
    "/{outage_id}/recompute-sla", dependencies=RESOLVE, responses=declare_problems(404, 409)
)
async def recompute_sla(outage_id: OutageId, database: Database) -> RecomputedView:
    """Compute the verdict again from the terms and times on record. It changes nothing: a dispute does."""
    found = await recompute_verdict(database, outage_id)
    payment = None if found.payment is None else PaymentView.of(found.payment)
    sla = SlaView.of(found.verdict, found.revision)
    return RecomputedView(sla=sla, payment=payment, agrees=found.verdict == found.recorded)


@router.get("/{outage_id}/timeline", responses=declare_problems(404))
async def get_timeline(
    outage_id: OutageId,
    database: Database,
    scope: OutageScope,
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
    items = await read_timeline(database, outage_id, scope, wanted)
    shown = items[(page - 1) * page_size : page * page_size]
    return TimelineView(
        outage_id=outage_id, items=shown, total=len(items), page=page, page_size=page_size
    )
