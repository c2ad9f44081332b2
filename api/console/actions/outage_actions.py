"""What people do with outages, disputes and payments: each form calls the API's own route function, and nothing else."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from api.access.permissions import require
from api.access.scopes import FilingScope, find_scope
from api.bodies import AmendBody, Body, CancelBody, ResolveBody, Text
from api.console.attention import PATH as ATTENTION
from api.console.attention import render_attention
from api.console.forms.submissions import (
    FormRefusal,
    Sent,
    Show,
    Submission,
    read_body,
    read_form,
)
from api.console.outages import OutageId, render_outage
from api.console.pages import Done
from api.routes.settlement import approvals, manual_matches, payments
from api.routes.settlement.approvals import ApprovalBody
from api.routes.settlement.manual_matches import ManualMatchBody
from api.routes.sla import amendments, disputes, outages, reversals
from api.routes.sla.disputes import DecideDisputeBody, DisputeBody, WithdrawBody
from domain.access.permissions import Permission

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
RESOLVE = [require(Permission.OUTAGES_RESOLVE)]
APPROVE = [require(Permission.PAYMENTS_APPROVE)]
RETRY = [require(Permission.PAYMENTS_RETRY)]
DisputeId = Annotated[Text, Path(max_length=64)]
PaymentId = Annotated[Text, Path(max_length=64)]
# What an empty field of the form that corrects an outage means; the others are then left as they are.
EMPTY = {"assigned_to": None, "root_cause": None, "resolution_notes": None, "description": ""}


def show_on(sent: Submission, outage_id: str) -> Show:
    """Return what shows a refusal: the outage it is about, or the page that the form was on."""

    async def show(refused: FormRefusal) -> Response:
        request, engine, caller = sent.request, sent.engine, sent.caller
        return await render_outage(request, engine, caller, outage_id, refused=refused)

    return show_attention(sent) if sent.back == ATTENTION else show


def show_attention(sent: Submission) -> Show:
    async def show(refused: FormRefusal) -> Response:
        return await render_attention(sent.request, sent.engine, sent.caller, refused=refused)

    return show


@router.post("/outages/{outage_id}/resolve", dependencies=RESOLVE)
async def resolve_outage(outage_id: OutageId, sent: Sent) -> Response:
    async def act() -> None:
        body = sent.read(ResolveBody)
        condition, key = sent.condition, sent.update_id
        await outages.resolve_outage(outage_id, body, sent.engine, sent.asked, key, condition)

    return await sent.carry_out(act, Done.RESOLVED, show_on(sent, outage_id))


async def _change_outage(
    outage_id: str,
    sent: Submission,
    act: Callable[..., Awaitable[Any]],
    body: type[Body],
    done: Done,
    **empty: Any,
) -> Response:
    """Have a route function change the outage as it was shown; `empty` as in `Submission.read`."""

    async def change() -> None:
        asked, key, seen = sent.asked, sent.update_id, sent.condition
        wanted = sent.read(body, **empty)
        await act(outage_id, wanted, sent.engine, asked, key, seen, Response())

    return await sent.carry_out(change, done, show_on(sent, outage_id))


@router.post("/outages/{outage_id}/amend", dependencies=RESOLVE)
async def amend_outage(outage_id: OutageId, sent: Sent) -> Response:
    act = amendments.amend_outage
    return await _change_outage(outage_id, sent, act, AmendBody, Done.AMENDED, **EMPTY)


@router.post("/outages/{outage_id}/cancel", dependencies=RESOLVE)
async def cancel_outage(outage_id: OutageId, sent: Sent) -> Response:
    act = amendments.cancel_outage
    return await _change_outage(outage_id, sent, act, CancelBody, Done.CANCELLED)


@router.post("/outages/{outage_id}/reopen", dependencies=RESOLVE)
async def reopen_outage(outage_id: OutageId, sent: Sent) -> Response:
    act = reversals.reopen_outage
    return await _change_outage(outage_id, sent, act, CancelBody, Done.REOPENED)


@router.post("/outages/{outage_id}/void", dependencies=[require(Permission.PAYMENTS_VOID)])
async def void_debt(outage_id: OutageId, sent: Sent) -> Response:
    return await _change_outage(outage_id, sent, reversals.void_debt, CancelBody, Done.VOIDED)


@router.post("/outages/{outage_id}/disputes")
async def file_dispute(outage_id: OutageId, scope: FilingScope, sent: Sent) -> Response:
    async def act() -> None:
        body = read_body({**sent.fields, "outage_id": outage_id}, DisputeBody)
        await disputes.file_dispute(body, sent.engine, sent.asked, sent.update_id, scope)

    return await sent.carry_out(act, Done.FILED, show_on(sent, outage_id))


@router.post("/outages/{outage_id}/disputes/{dispute_id}/withdraw")
async def withdraw_dispute(
    outage_id: OutageId, dispute_id: DisputeId, scope: FilingScope, sent: Sent
) -> Response:
    async def act() -> None:
        body, key = sent.read(WithdrawBody), sent.update_id
        await disputes.withdraw_dispute(dispute_id, sent.engine, sent.asked, key, scope, body)

    return await sent.carry_out(act, Done.WITHDRAWN, show_on(sent, outage_id))


@router.post(
    "/outages/{outage_id}/disputes/{dispute_id}/decide",
    dependencies=[require(Permission.DISPUTES_DECIDE)],
)
async def decide_dispute(outage_id: OutageId, dispute_id: DisputeId, sent: Sent) -> Response:
    async def act() -> None:
        body, key, seen = sent.read(DecideDisputeBody), sent.update_id, sent.condition
        await disputes.decide_dispute(dispute_id, body, sent.engine, sent.asked, key, seen)

    return await sent.carry_out(act, Done.DECIDED, show_on(sent, outage_id))


async def _act_on_payment(
    payment_id: str, sent: Submission, act: Callable[[], Awaitable[Any]], done: Done
) -> Response:
    """Carry out what a form asks of a payment; a refusal is shown on the outage that it is for."""
    scope = find_scope(sent.caller, Permission.PAYMENTS_READ)
    payment = await payments.get_payment(payment_id, sent.engine.database, scope)
    return await sent.carry_out(act, done, show_on(sent, payment.outage_id))


@router.post("/payments/{payment_id}/approve", dependencies=APPROVE)
async def approve_payment(payment_id: PaymentId, sent: Sent) -> Response:
    async def act() -> None:
        body, caller = sent.read(ApprovalBody), sent.caller
        await approvals.approve_payment(payment_id, body, sent.engine, caller, sent.asked)

    return await _act_on_payment(payment_id, sent, act, Done.APPROVED)


@router.post("/payments/{payment_id}/unapprove", dependencies=APPROVE)
async def withdraw_approval(payment_id: PaymentId, sent: Sent) -> Response:
    async def act() -> None:
        await approvals.withdraw_approval(payment_id, sent.engine, sent.caller, sent.asked)

    return await _act_on_payment(payment_id, sent, act, Done.UNAPPROVED)


@router.post("/payments/{payment_id}/retry", dependencies=RETRY)
async def retry_payment(payment_id: PaymentId, sent: Sent) -> Response:
    act = partial(payments.retry_payment, payment_id, sent.engine, sent.asked)
    return await _act_on_payment(payment_id, sent, act, Done.RETRIED)


@router.post("/payments/{payment_id}/match", dependencies=[require(Permission.PAYMENTS_MATCH)])
async def match_transfer(payment_id: PaymentId, sent: Sent) -> Response:
    async def act() -> None:
        body, key = sent.read(ManualMatchBody), sent.update_id
        await manual_matches.match_transfer(payment_id, body, sent.engine, sent.asked, key)

    return await _act_on_payment(payment_id, sent, act, Done.MATCHED)


@router.post("/payments/{payment_id}/compare", dependencies=RETRY)
async def compare_payment(payment_id: PaymentId, sent: Sent) -> Response:
    act = partial(payments.reconcile_payment, payment_id, sent.engine, sent.asked)
    return await _act_on_payment(payment_id, sent, act, Done.RETRIED)
