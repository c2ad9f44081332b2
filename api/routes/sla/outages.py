"""/outages: declare one, correct it, resolve it, look at it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from adapters.postgres.sla import outages, policies
from api import commands
from api.access.permissions import require
from api.bodies import AmendBody, CancelBody, OutageBody, ResolveBody, Text
from api.dependencies import (
    Asked,
    Condition,
    Database,
    Engine,
    Paging,
    Running,
    UpdateId,
)
from api.parsing.patterns import describe_sorting
from api.payment_views import PaymentView
from api.protocol.etags import set_tag
from api.responses import declare_problems
from api.views import STATES, AttestationView, OutageView, PageView, SlaView
from domain.access.permissions import Permission
from domain.errors import Conflict, Invalid
from domain.sla.outage_rules import check_instant, check_resolution
from domain.sla.outages import (
    Amendment,
    Cancellation,
    Declaration,
    Outage,
    OutageStatus,
    Resolution,
)
from domain.sla.verdicts import Severity, compute_payable, judge
from services.sla.outages.read_timeline import read_timeline

router = APIRouter(prefix="/outages", tags=["outages"])
OutageId = Annotated[Text, Path(max_length=64)]
SORTING = describe_sorting(sorted(outages.SORTABLE))


class ResolvedView(BaseModel):
    """`payment` is what will be paid unless the verdict is disputed in time."""

    outage: OutageView
    sla: SlaView
    payment: PaymentView


class TimelineView(BaseModel):
    """Everything that happened to an outage, in order, with the evidence of each step."""

    outage_id: str
    items: list[dict[str, Any]]


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
    outage, resolution = body.outage(), body.resolution(asked)
    policy = outage.policy or engine.settings.sla_policy
    await _check(engine.database, outage, policy, resolution)
    recorded = await commands.declare(
        engine, Declaration(outage, asked, policy, engine.settings.sla_agreement)
    )
    if recorded is None:
        response.status_code = 200
    shown = await _show(engine, outage.id, response)
    if resolution is None:
        return shown
    if shown.resolved_at is not None:
        if body.timed() and resolution.get_times(outage)[0] != shown.resolved_at:
            raise Conflict(f"outage {outage.id!r} was resolved before with another end")
        return shown
    await commands.resolve(engine, outage.id, resolution, f"{update_id}-resolve")
    return await _show(engine, outage.id, response)


async def _check(
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


async def _show(engine: Engine, outage_id: str, response: Response) -> OutageView:
    async with engine.database.autocommit() as connection:
        record = await outages.get(connection, outage_id)
    shown = OutageView.of(record)
    set_tag(response, shown, record.version)
    return shown


@router.get("", dependencies=[require(Permission.OUTAGES_READ)])
async def list_outages(
    database: Database,
    paging: Paging,
    severity: Severity | None = None,
    status: Literal["open", "resolved", "cancelled"] | None = None,
    lifecycle: OutageStatus | None = None,
    search: Annotated[Text, Query(max_length=200)] | None = None,
    sort: Annotated[str | None, Query(max_length=50, json_schema_extra=SORTING)] = None,
    sort_field: Annotated[str | None, Query(max_length=50, json_schema_extra=SORTING)] = None,
    sort_order: Literal["asc", "desc"] | None = None,
) -> PageView[OutageView]:
    """List outages, newest first unless sorted otherwise (`sort=-detected_at`, or sort_field)."""
    statuses = None if status is None else STATES[status]
    if lifecycle is not None:
        statuses = [lifecycle]
    field, descending = _sorting(sort_field if sort is None else sort, sort_order)
    async with database.autocommit() as connection:
        records, total = await outages.list_page(
            connection,
            severity=severity,
            statuses=statuses,
            search=search,
            sort=field,
            descending=descending,
            offset=paging.offset,
            limit=paging.size,
        )
    items = [OutageView.of(record) for record in records]
    return PageView(items=items, total=total, page=paging.number, page_size=paging.size)


def _sorting(field: str | None, order: str | None) -> tuple[str, bool]:
    if field is None:
        return "detected_at", order != "asc"
    descending = order == "desc" if order else field.startswith("-")
    name = field.removeprefix("-")
    if name not in outages.SORTABLE:
        raise Invalid("sort", f"must be one of {', '.join(sorted(outages.SORTABLE))}")
    return name, descending


@router.get(
    "/{outage_id}", dependencies=[require(Permission.OUTAGES_READ)], responses=declare_problems(404)
)
async def get_outage(outage_id: OutageId, engine: Running, response: Response) -> OutageView:
    return await _show(engine, outage_id, response)


@router.put(
    "/{outage_id}",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
async def amend_outage(
    outage_id: OutageId,
    body: AmendBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
    condition: Condition,
    response: Response,
) -> OutageView:
    """Correct an outage; fields that are not sent stay. Times and identity never change."""
    changes, version = body.changes(), condition.get_version()
    resolution = body.resolution(asked, None if changes else version)
    async with engine.database.autocommit() as connection:
        record = await outages.get(connection, outage_id)
    if record.status is OutageStatus.DECLARED:
        if resolution is not None:
            check_resolution(record.outage, resolution, datetime.now(UTC))
    elif body.timed():
        raise Conflict(f"outage {outage_id!r} is {record.status}; its times can no longer change")
    else:
        resolution = None  # what the caller wants has happened already
    if changes:
        await commands.amend(engine, outage_id, Amendment(asked, changes, version), update_id)
    if resolution is not None:
        await commands.resolve(engine, outage_id, resolution, f"{update_id}-resolve")
    return await _show(engine, outage_id, response)


@router.post(
    "/{outage_id}/resolve",
    dependencies=[require(Permission.OUTAGES_RESOLVE)],
    responses=declare_problems(404, 409),
)
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
        record = await outages.get(connection, outage_id)
    # Asked again much later, the newest verdict may be another than the one answered.
    newest = record.judged is not None and record.judged[0] == judgement.revision
    attestation = AttestationView.of(record.attestation) if newest else None
    return ResolvedView(
        outage=OutageView.of(record),
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
    return await _show(engine, outage_id, response)


@router.get(
    "/{outage_id}/timeline",
    dependencies=[require(Permission.OUTAGES_READ)],
    responses=declare_problems(404),
)
async def get_timeline(outage_id: OutageId, database: Database) -> TimelineView:
    """Show every recorded step of an outage: audit entries, verdicts, payments, deliveries."""
    return TimelineView(outage_id=outage_id, items=await read_timeline(database, outage_id))
