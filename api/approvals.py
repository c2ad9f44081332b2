"""/payments/{id}/approvals: two people look before much money moves."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters import temporal
from adapters.postgres import approvals, events, limits, payments
from adapters.postgres.payments import payment_of
from api import commands
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Database, Paging, Running
from api.responses import problems
from api.views import PageView, PaymentView
from domain import evidence
from domain.approvals import APPROVERS, NOTE_MAX, approve, check_role, check_withdrawal, digest
from domain.audit import leaf
from domain.digests import instant
from domain.events import EventType, event

router = APIRouter(prefix="/payments", tags=["approvals"])
PaymentId = Annotated[Text, Path(max_length=64)]


class ApprovalBody(Body):
    note: str = Field("", max_length=NOTE_MAX)


class ApprovalView(BaseModel):
    """One person's word; void once withdrawn, or once the payment is to be made differently."""

    approver: str
    note: str
    approved_at: datetime
    digest: str
    voided_at: datetime | None
    voided_reason: str | None

    @classmethod
    def of(cls, row: RowMapping) -> "ApprovalView":
        return cls.model_validate(dict(row))


class QueuedView(BaseModel):
    """What an approver is asked; `digest` is the SHA-256 of what an approval now would approve."""

    payment: PaymentView
    prepared_by: list[str]
    digest: str
    approvers_needed: int
    approvals: list[ApprovalView]


@router.get("/approvals")
async def list_waiting(database: Database, caller: Caller, paging: Paging) -> PageView[QueuedView]:
    """List the payments that wait for approval, the longest first."""
    async with database.autocommit() as connection:
        above = (await limits.enforced(connection)).approval_above
        rows, total = await approvals.waiting(connection, above, paging.offset, paging.size)
        items = await _queued(connection, rows)
    return PageView(items=items, total=total, page=paging.number, page_size=paging.size)


async def _queued(connection: AsyncConnection, rows: list[RowMapping]) -> list[QueuedView]:
    owed = [payment_of(row) for row in rows]
    preparers = await approvals.prepared_by(connection, owed)
    given = await approvals.of_payments(connection, [payment.id for payment in owed])
    return [
        QueuedView(
            payment=PaymentView.of(row),
            prepared_by=preparers[payment.outage_id],
            digest=digest(payment),
            approvers_needed=APPROVERS,
            approvals=[ApprovalView.of(each) for each in given[payment.id]],
        )
        for row, payment in zip(rows, owed, strict=True)
    ]


@router.get("/{payment_id}/approvals", responses=problems(404))
async def show_approvals(payment_id: PaymentId, database: Database, caller: Caller) -> QueuedView:
    """Show who approved a payment, void approvals too."""
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment_id)
        return (await _queued(connection, [row]))[0]


@router.post("/{payment_id}/approvals", status_code=201, responses=problems(403, 404, 409))
async def approve_payment(
    payment_id: PaymentId, body: ApprovalBody, engine: Running, caller: Caller, asked: Asked
) -> QueuedView:
    """Approve a payment as it stands (finance or admin); with the second approval it goes on."""
    check_role(caller)
    at = datetime.now(UTC)
    async with engine.database.transaction() as connection:
        standing = await approvals.lock(connection, payment_id)
        above = (await limits.enforced(connection)).approval_above
        approval = approve(standing, caller, body.note, above)
        await approvals.add(connection, approval, at)
        facts = evidence.of_payment(standing.payment) | {
            "approver": approval.approver,
            "prepared_by": list(approval.preparers),
            "digest": approval.digest,
            "note": approval.note,
        }
        outage_id, key = standing.payment.outage_id, (payment_id, caller.name, instant(at))
        deliveries = await events.publish(
            connection,
            leaf(f"outage/{outage_id}", "payment.approved", asked, at, facts, *key),
            event(EventType.PAYMENT_APPROVED, outage_id, at, facts, *key),
        )
    await temporal.start_deliveries(engine.temporal, deliveries)
    await commands.retry_payment(engine, payment_id)
    return await show_approvals(payment_id, engine.database, caller)


@router.delete("/{payment_id}/approvals", responses=problems(404, 409))
async def withdraw_approval(
    payment_id: PaymentId, engine: Running, caller: Caller, asked: Asked
) -> QueuedView:
    """Take your own approval back; 409 once the payment is signed."""
    at = datetime.now(UTC)
    async with engine.database.transaction() as connection:
        standing = await approvals.lock(connection, payment_id)
        admitted_at = await approvals.admitted_at(connection, payment_id)
        check_withdrawal(standing, caller, admitted_at, at)
        await approvals.withdraw(connection, payment_id, caller.name, at)
        facts = {"payment_id": payment_id, "approver": caller.name}
        subject, key = f"outage/{standing.payment.outage_id}", (payment_id, instant(at))
        await events.publish(
            connection, leaf(subject, "payment.approval_withdrawn", asked, at, facts, *key)
        )
    await commands.retry_payment(engine, payment_id)
    return await show_approvals(payment_id, engine.database, caller)
