"""Approve a payment exactly as it stands."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, limits
from domain import payloads
from domain.access.principals import Principal
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.events import EventType, make_event
from domain.requests import Request
from domain.settlement.approvals import approve, check_approver


@dataclass(frozen=True, slots=True)
class ApprovePayment:
    """`seen` is the digest of the payment as the approver was shown it, if they say so."""

    payment_id: str
    approver: Principal
    note: str
    request: Request
    at: datetime
    seen: str | None = None


async def approve_payment(database: Database, command: ApprovePayment) -> None:
    """Record an approval, or refuse it."""
    payment_id, approver, at = command.payment_id, command.approver, command.at
    check_approver(approver)
    async with database.transaction() as connection:
        context = await approvals.lock(connection, payment_id)
        enforced = await limits.get_enforced(connection)
        above, above_stated = enforced.approval_above, enforced.approval_above_stated
        approval = approve(context, approver, command.note, above, above_stated, command.seen)
        await approvals.add(connection, approval, at)
        payload = payloads.describe_payment(context.payment) | {
            "approver": approval.approver,
            "prepared_by": list(approval.makers),
            "digest": approval.digest,
            "note": approval.note,
        }
        outage_id, key = context.payment.outage_id, (payment_id, approver.name, format_instant(at))
        await events.publish(
            connection,
            make_audit_entry(
                f"outage/{outage_id}", "payment.approved", command.request, at, payload, *key
            ),
            make_event(EventType.PAYMENT_APPROVED, outage_id, at, payload, *key),
        )
