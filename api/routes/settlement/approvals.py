"""/payments/{id}/approvals: two people look before much money moves."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api import commands
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, CursorPaging, Database, Running
from api.payment_views import PaymentView
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.settlement.approvals import NOTE_MAX
from services.settlement.approvals.approve_payment import ApprovePayment
from services.settlement.approvals.approve_payment import approve_payment as approve
from services.settlement.approvals.read_approvals import (
    ApprovalRequest,
    get_approval_request,
    list_approval_requests,
)
from services.settlement.approvals.withdraw_approval import WithdrawApproval
from services.settlement.approvals.withdraw_approval import withdraw_approval as withdraw

router = APIRouter(prefix="/payments", tags=["approvals"])
PaymentId = Annotated[Text, Path(max_length=64)]


class ApprovalBody(Body):
    """With the `digest` of what you were shown nothing else is approved."""

    note: str = Field("", max_length=NOTE_MAX)
    digest: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class ApprovalView(BaseModel):
    """One person's approval; void once withdrawn, or once the payment is to be made differently."""

    approver: str
    note: str
    approved_at: datetime
    digest: str
    voided_at: datetime | None
    voided_reason: str | None


class QueuedView(BaseModel):
    """What an approver is asked; `digest` is the SHA-256 of what an approval now would approve."""

    payment: PaymentView
    makers: list[str]
    digest: str
    approvers_needed: int
    approvals: list[ApprovalView]

    @classmethod
    def of(cls, asked: ApprovalRequest) -> "QueuedView":
        return cls(
            payment=PaymentView.of(asked.payment),
            makers=list(asked.makers),
            digest=asked.digest,
            approvers_needed=asked.needed,
            approvals=[ApprovalView.model_validate(asdict(each)) for each in asked.approvals],
        )


@router.get("/approvals", dependencies=[require(Permission.PAYMENTS_READ)])
async def list_waiting(database: Database, paging: CursorPaging) -> CursorPageView[QueuedView]:
    """List the payments that wait for approval, the longest first."""
    segment = paging.find_segment("approvals")
    waiting, total = await list_approval_requests(database, segment)
    items = [QueuedView.of(each) for each in waiting]
    shown = [each.payment for each in items]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("approvals", shown, "created_at", "id"),
    )


@router.get(
    "/{payment_id}/approvals",
    dependencies=[require(Permission.PAYMENTS_READ)],
    responses=declare_problems(404),
)
async def show_approvals(payment_id: PaymentId, database: Database) -> QueuedView:
    """Show who approved a payment, void approvals too."""
    return QueuedView.of(await get_approval_request(database, payment_id))


@router.post(
    "/{payment_id}/approvals",
    dependencies=[require(Permission.PAYMENTS_APPROVE)],
    status_code=201,
    responses=declare_problems(403, 404, 409),
)
async def approve_payment(
    payment_id: PaymentId, body: ApprovalBody, engine: Running, caller: Caller, asked: Asked
) -> QueuedView:
    """Approve a payment as it stands (finance or admin); with the second approval it goes on."""
    now = datetime.now(UTC)
    given = ApprovePayment(payment_id, caller, body.note, asked, now, body.digest)
    await approve(engine.database, given)
    await commands.retry_payment(engine, payment_id)
    return await show_approvals(payment_id, engine.database)


@router.delete(
    "/{payment_id}/approvals",
    dependencies=[require(Permission.PAYMENTS_APPROVE)],
    responses=declare_problems(404, 409),
)
async def withdraw_approval(
    payment_id: PaymentId, engine: Running, caller: Caller, asked: Asked
) -> QueuedView:
    """Take your own approval back; 409 once the payment is signed."""
    gone = WithdrawApproval(payment_id, caller, asked, datetime.now(UTC))
    await withdraw(engine.database, gone)
    await commands.retry_payment(engine, payment_id)
    return await show_approvals(payment_id, engine.database)
