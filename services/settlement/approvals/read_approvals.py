"""Read what an approver decides on: payments, their makers, and who has approved them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, limits, payments
from adapters.postgres.settlement.payments import to_payment
from domain.reasons import ReasonCode
from domain.settlement.approvals import compute_digest
from domain.settlement.limits import describe_approvals
from domain.settlement.payments import Payment


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """`digest` is the SHA-256 of what an approval now would approve; void approvals are shown too."""

    payment: Mapping[str, Any]
    makers: Sequence[str]
    digest: str
    approvals: Sequence[Mapping[str, Any]]


async def list_approval_requests(
    database: Database, offset: int, limit: int
) -> tuple[list[ApprovalRequest], int]:
    """
    Return a page of the payments that wait for approval, oldest first, and how many there are; without
    those above a cap, which two people would approve in vain.
    """
    async with database.autocommit() as connection:
        rows, total = await approvals.list_waiting(
            connection, await limits.get_enforced(connection), offset, limit
        )
        return await _make_requests(connection, rows), total


async def get_approval_request(database: Database, payment_id: str) -> ApprovalRequest:
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment_id)
        return (await _make_requests(connection, [row]))[0]


async def _make_requests(
    connection: AsyncConnection, rows: list[RowMapping]
) -> list[ApprovalRequest]:
    owed = [to_payment(row) for row in rows]
    makers = await approvals.find_makers(connection, owed)
    given = await approvals.list_by_payment(connection, [payment.id for payment in owed])
    return [
        ApprovalRequest(
            dict(row) | _describe(row, payment, given[payment.id]),
            makers[payment.outage_id],
            compute_digest(payment),
            [dict(each) for each in given[payment.id]],
        )
        for row, payment in zip(rows, owed, strict=True)
    ]


def _describe(row: RowMapping, payment: Payment, given: Sequence[RowMapping]) -> dict[str, str]:
    """Return the reason as it is now: the payment's own is of when its workflow last asked."""
    if row["reason_code"] != ReasonCode.APPROVAL_REQUIRED:
        return {}
    digest = compute_digest(payment)
    valid = [each for each in given if each["voided_at"] is None and each["digest"] == digest]
    return {"status_reason": describe_approvals(payment, len(valid))}
