"""Take one's own approval back, for as long as nothing can have been signed on it."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals
from domain.access.principals import Principal
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request
from domain.settlement.approvals import check_withdrawal


@dataclass(frozen=True, slots=True)
class WithdrawApproval:
    payment_id: str
    approver: Principal
    request: Request
    at: datetime


async def withdraw_approval(database: Database, command: WithdrawApproval) -> None:
    payment_id, approver, at = command.payment_id, command.approver, command.at
    async with database.transaction() as connection:
        context = await approvals.lock(connection, payment_id)
        admitted_at = await approvals.get_admitted_at(connection, payment_id)
        check_withdrawal(context, approver, admitted_at, at)
        await approvals.withdraw(connection, payment_id, approver.name, at)
        payload = {"payment_id": payment_id, "approver": approver.name}
        subject, key = f"outage/{context.payment.outage_id}", (payment_id, format_instant(at))
        await events.publish(
            connection,
            make_audit_entry(
                subject, "payment.approval_withdrawn", command.request, at, payload, *key
            ),
        )
