"""/console/outages/{outage_id}: the life of one outage, with what the person who looks may do beside it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from adapters.postgres.settlement.listings.payments import PaymentFilter
from api.access.scopes import OutageScope, find_scope
from api.bodies import Text
from api.console.forms.attention_forms import make_delivery_retry
from api.console.forms.outage_forms import (
    ActionForm,
    list_dispute_forms,
    list_outage_forms,
)
from api.console.forms.payment_forms import list_payment_forms
from api.console.forms.submissions import FormRefusal, read_form
from api.console.overview import make_row
from api.console.pages import Done, render_page
from api.dependencies import Caller, CursorPage, Engine, Running
from api.payment_views import PaymentView
from api.rendering.disputes import DisputeView
from api.routes.settlement import approvals, payments
from api.routes.sla import disputes, outages, verdicts
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.settlement.payments import PaymentStatus
from services.sla.waits.read_waits import read_waits

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
OutageId = Annotated[Text, Path(max_length=64)]
SHOWN_MAX, TIMELINE_MAX = 50, 200


@dataclass(frozen=True, slots=True)
class DisputePart:
    dispute: DisputeView
    forms: list[ActionForm]


@dataclass(frozen=True, slots=True)
class PaymentPart:
    """`approvals` is what approvers are asked, where somebody has to be."""

    payment: PaymentView
    approvals: Any
    forms: list[ActionForm]


@router.get("/outages/{outage_id}")
async def show_outage(
    outage_id: OutageId,
    request: Request,
    engine: Running,
    caller: Caller,
    scope: OutageScope,
    done: Annotated[Done | None, Query()] = None,
) -> Response:
    return await render_outage(request, engine, caller, outage_id, done=done)


async def render_outage(
    request: Request,
    engine: Engine,
    caller: Principal,
    outage_id: str,
    *,
    refused: FormRefusal | None = None,
    done: Done | None = None,
) -> Response:
    """Return the page of an outage, as far as the caller sees."""
    database, now, tagged = engine.database, datetime.now(UTC), Response()
    scope = find_scope(caller, Permission.OUTAGES_READ)
    outage = await outages.show_outage(engine, outage_id, tagged, scope)
    waits = await read_waits(database, [outage_id], now)
    trail = await outages.get_timeline(outage_id, database, scope, page_size=TIMELINE_MAX)
    return render_page(
        *(request, caller, "outage.html", refused, done),
        row=make_row(outage, waits[outage_id], now),
        outage=outage,
        results=await verdicts.list_results(outage_id, database, scope),
        disputes=await _list_disputes(engine, caller, outage_id),
        payments=await _list_payments(engine, caller, outage_id),
        trail=trail.items,
        trail_total=trail.total,
        forms=list(list_outage_forms(outage, tagged.headers["ETag"], caller)),
        retried=list_retries(outage_id, trail.items, caller),
    )


async def _list_disputes(engine: Engine, caller: Principal, outage_id: str) -> list[DisputePart]:
    scope, page = find_scope(caller, Permission.DISPUTES_READ), CursorPage(1, SHOWN_MAX)
    found = await disputes.list_disputes(engine.database, scope, page, outage_id)
    return [DisputePart(each, list(list_dispute_forms(each, caller))) for each in found.items]


async def _list_payments(engine: Engine, caller: Principal, outage_id: str) -> list[PaymentPart]:
    database, wanted = engine.database, PaymentFilter(outage_id=outage_id)
    scope, page = find_scope(caller, Permission.PAYMENTS_READ), CursorPage(1, SHOWN_MAX)
    found = await payments.list_payments(database, scope, page, wanted)
    parts = []
    for each in found.items:
        asked = None
        if caller.may(Permission.PAYMENTS_READ) and each.state is not PaymentStatus.VOIDED:
            asked = await approvals.show_approvals(each.id, database)
        parts.append(PaymentPart(each, asked, list(list_payment_forms(each, caller))))
    return parts


def list_retries(
    outage_id: str, trail: list[dict[str, Any]], caller: Principal
) -> dict[str, ActionForm]:
    """Return a form for each delivery of the outage that was given up, by the id of the delivery."""
    if not caller.may(Permission.WEBHOOKS_MANAGE):
        return {}
    forms = {}
    for item in trail:
        evidence = item["evidence"]
        if item["step"] == "webhook.failed":
            delivery_id = evidence["delivery_id"]
            forms[delivery_id] = make_delivery_retry(
                evidence["webhook_id"], delivery_id, f"/console/outages/{outage_id}"
            )
    return forms
