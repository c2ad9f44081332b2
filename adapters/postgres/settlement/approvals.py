"""Approvals in the database: who approved which payment, exactly as it stood."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import RowMapping, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement.payments import payment_of
from adapters.postgres.tables import (
    allocations,
    approvals,
    attempts,
    audit_entries,
    authorisations,
    payments,
)
from domain.errors import NotFound
from domain.settlement.approvals import (
    APPROVERS,
    UNSIGNED,
    Approval,
    ApprovalContext,
    compute_digest,
)
from domain.settlement.payments import Payment, PaymentStatus

# What a verdict follows from.
PREPARING = ("outage.declared", "outage.amended", "outage.judged")
STANDS = approvals.c.voided_at.is_(None)
# Reserved to be signed, or signed. One that waits may hold a pair whose bytes are proven dead.
TAKEN = exists().where(
    allocations.c.payment_id == payments.c.id,
    allocations.c.live,
    attempts.c.payment_id == allocations.c.lead_payment_id,
    attempts.c.n == allocations.c.n,
    attempts.c.max_ledger.is_(None)
    | payments.c.status.not_in([PaymentStatus.BLOCKED, PaymentStatus.ON_HOLD]),
)


async def lock(connection: AsyncConnection, payment_id: str) -> ApprovalContext:
    """Return how a payment stands; until the transaction ends it is neither admitted nor approved."""
    await _hold(connection, [payment_id])
    rows = await connection.execute(
        select(payments, TAKEN.label("taken")).where(payments.c.id == payment_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"payment {payment_id!r} does not exist")
    payment = payment_of(row)
    makers = await find_makers(connection, [payment])
    given = await connection.execute(
        select(approvals.c.approver).where(
            approvals.c.payment_id == payment_id,
            STANDS,
            approvals.c.digest == compute_digest(payment),
        )
    )
    status = PaymentStatus(row["status"])
    return ApprovalContext(
        payment, status, makers[payment.outage_id], set(given.scalars()), taken=row["taken"]
    )


async def _hold(connection: AsyncConnection, payment_ids: Sequence[str]) -> None:
    """
    Lock payments, always in one order. A statement that waits for a lock still sees the channels as
    they were taken before it waited: who wants to know that asks after this one.
    """
    await connection.execute(
        select(payments.c.id)
        .where(payments.c.id.in_(payment_ids))
        .order_by(payments.c.id)
        .with_for_update(key_share=True)
    )


async def find_makers(connection: AsyncConnection, owed: Sequence[Payment]) -> dict[str, list[str]]:
    """
    Return, for each outage, who prepared its payment: the actors of the audit entries of all that its
    verdict follows from.
    """
    subjects = {f"outage/{payment.outage_id}": payment.outage_id for payment in owed}
    rows = await connection.execute(
        select(audit_entries.c.subject, audit_entries.c.action, audit_entries.c.content)
        .where(audit_entries.c.subject.in_(subjects), audit_entries.c.action.in_(PREPARING))
        .order_by(audit_entries.c.sequence)
    )
    actors: dict[str, list[str]] = {outage_id: [] for outage_id in subjects.values()}
    judged = set()
    for row in rows:
        actor, outage_id = str(orjson.loads(row.content)["actor"]), subjects[row.subject]
        actors[outage_id] += [actor] if actor not in actors[outage_id] else []
        judged |= {outage_id} if row.action == "outage.judged" else set()
    for payment in owed:
        if payment.outage_id not in judged:
            raise NotFound(f"the audit trail does not say who prepared payment {payment.id!r}")
    return actors


async def add(connection: AsyncConnection, approval: Approval, at: datetime) -> None:
    """Keep an approval; one this person gave for what the payment was before is void."""
    await connection.execute(
        update(approvals)
        .where(
            approvals.c.payment_id == approval.payment_id,
            approvals.c.approver == approval.approver,
            STANDS,
        )
        .values(voided_at=at, voided_reason="the payment has changed")
    )
    await connection.execute(
        insert(approvals).values(
            payment_id=approval.payment_id,
            approver=approval.approver,
            makers=list(approval.makers),
            digest=approval.digest,
            note=approval.note,
            approved_at=at,
        )
    )


async def withdraw(
    connection: AsyncConnection, payment_id: str, approver: str, at: datetime
) -> None:
    """Take an approval back. One that waits for a batch is asked about once more before it is signed."""
    await connection.execute(
        update(approvals)
        .where(approvals.c.payment_id == payment_id, approvals.c.approver == approver, STANDS)
        .values(voided_at=at, voided_reason="withdrawn")
    )


@dataclass(frozen=True, slots=True)
class Voided:
    """A payment whose approvals were voided, and whose they were."""

    payment_id: str
    outage_id: str
    correlation_id: str
    approvers: tuple[str, ...]


async def void(
    connection: AsyncConnection, payment_ids: Sequence[str], reason: str, at: datetime
) -> list[Voided]:
    """
    Void what was approved of these payments, because they are to be made differently now; those
    already signed are left as they are. Return the payments that must be approved anew.
    """
    await _hold(connection, payment_ids)
    unsigned = await connection.execute(
        select(payments.c.id, payments.c.outage_id, payments.c.correlation_id)
        .where(payments.c.id.in_(payment_ids), payments.c.status.in_(UNSIGNED), ~TAKEN)
        .order_by(payments.c.id)
    )
    voided = []
    for row in unsigned.all():
        gone = await connection.execute(
            update(approvals)
            .where(approvals.c.payment_id == row.id, STANDS)
            .values(voided_at=at, voided_reason=reason)
            .returning(approvals.c.approver)
        )
        approvers = tuple(sorted(gone.scalars()))
        if approvers:
            voided.append(Voided(row.id, row.outage_id, row.correlation_id, approvers))
    return voided


async def admitted_at(connection: AsyncConnection, payment_id: str) -> datetime | None:
    """Return when a payment was last let go to be signed, if ever."""
    return await connection.scalar(
        select(authorisations.c.admitted_at).where(authorisations.c.payment_id == payment_id)
    )


async def of_payments(
    connection: AsyncConnection, payment_ids: Sequence[str]
) -> dict[str, list[RowMapping]]:
    """Return all approvals of each payment, void ones too, oldest first."""
    rows = await connection.execute(
        select(approvals).where(approvals.c.payment_id.in_(payment_ids)).order_by(approvals.c.id)
    )
    found: dict[str, list[RowMapping]] = {payment_id: [] for payment_id in payment_ids}
    for row in rows.mappings():
        found[row["payment_id"]].append(row)
    return found


async def waiting(
    connection: AsyncConnection, approval_above: int | None, offset: int, limit: int
) -> tuple[list[RowMapping], int]:
    """Return a page of the payments that wait for approval, oldest first, and how many there are."""
    if approval_above is None:
        return [], 0
    given = (
        select(func.count())
        .where(approvals.c.payment_id == payments.c.id, STANDS)
        .correlate(payments)
        .scalar_subquery()
    )
    wanted = (
        payments.c.status.in_(UNSIGNED),
        payments.c.amount_stroops > approval_above,
        given < APPROVERS,
    )
    rows = await connection.execute(
        select(payments)
        .where(*wanted)
        .order_by(payments.c.created_at, payments.c.id)
        .offset(offset)
        .limit(limit)
    )
    total = await connection.scalar(select(func.count()).select_from(payments).where(*wanted))
    return list(rows.mappings()), total or 0
