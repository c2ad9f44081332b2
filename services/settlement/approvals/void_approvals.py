"""Void what was approved of payments that are to be made differently now."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.settlement import approvals
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant


async def void_approvals_within(
    connection: AsyncConnection, payment_ids: Sequence[str], reason: str, at: datetime
) -> list[str]:
    """
    Void the approvals of payments that are not signed yet, as part of the change that is the reason.
    Return the payments that must be approved anew.
    """
    voided = await approvals.void(connection, payment_ids, reason, at)
    for each in voided:
        payload = {
            "payment_id": each.payment_id,
            "reason": reason,
            "approvers": list(each.approvers),
        }
        subject, by = f"outage/{each.outage_id}", make_engine_request(each.correlation_id)
        key = (each.payment_id, format_instant(at))
        await events.publish(
            connection, make_audit_entry(subject, "payment.approvals_voided", by, at, payload, *key)
        )
    return [each.payment_id for each in voided]
