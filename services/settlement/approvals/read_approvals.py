"""Read what an approver decides on: payments, their makers, and who has approved them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.settlement import approvals, limits, payments
from domain.access.scopes import EVERYTHING
from domain.reasons import ReasonCode
from domain.settlement.approvals import (
    APPROVERS,
    ApprovalRecord,
    compute_digest,
    count_needed,
    count_required,
)
from domain.settlement.limits import Limits, describe_approvals
from domain.settlement.payments import Payment, PaymentRecord


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """
    `digest` is the SHA-256 of what an approval now would approve; void approvals are shown too. `needed` is
    how many people must approve.
    """

    payment: PaymentRecord
    makers: Sequence[str]
    digest: str
    approvals: Sequence[ApprovalRecord]
    needed: int


async def list_approval_requests(
    database: Database, segment: ListSegment
) -> tuple[list[ApprovalRequest], Total]:
    """
    Return a page of the payments that wait for approval, oldest first, and how many there are; without
    those above a cap, which two people would approve in vain.
    """
    async with database.autocommit() as connection:
        records, total = await approvals.list_waiting(
            connection, await limits.get_enforced(connection), segment
        )
        return await _make_requests(connection, records), total


async def get_approval_request(database: Database, payment_id: str) -> ApprovalRequest:
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment_id, EVERYTHING)
        return (await _make_requests(connection, [record]))[0]


async def _make_requests(
    connection: AsyncConnection, records: Sequence[PaymentRecord]
) -> list[ApprovalRequest]:
    owed = [record.payment for record in records]
    makers = await approvals.find_makers(connection, owed)
    stated = await approvals.list_differences(connection, [payment.id for payment in owed])
    enforced = await limits.get_enforced(connection)
    given = await approvals.list_by_payment(connection, [payment.id for payment in owed])
    return [
        ApprovalRequest(
            _refresh_reason(
                record, given[record.payment.id], count_needed(makers[record.payment.outage_id])
            ),
            makers[record.payment.outage_id],
            compute_digest(record.payment),
            given[record.payment.id],
            _count_needed(record.payment, makers, stated, enforced),
        )
        for record in records
    ]


def _count_needed(
    payment: Payment,
    makers: Mapping[str, Sequence[str]],
    stated: Mapping[str, int],
    enforced: Limits,
) -> int:
    """Return how many must approve; of one that needs nobody, how many it were if it did."""
    above, above_stated = enforced.approval_above, enforced.approval_above_stated
    required = count_required(payment, stated.get(payment.id, 0), above, above_stated)
    return count_needed(makers[payment.outage_id], required or APPROVERS)


def _refresh_reason(
    record: PaymentRecord, given: Sequence[ApprovalRecord], needed: int
) -> PaymentRecord:
    """Return the reason as it is now: the payment's own is of when its workflow last asked."""
    if record.reason_code != ReasonCode.APPROVAL_REQUIRED:
        return record
    digest = compute_digest(record.payment)
    valid = [each for each in given if each.voided_at is None and each.digest == digest]
    return replace(record, status_reason=describe_approvals(record.payment, len(valid), needed))
