"""Approvals in the database: who approved which payment, by the digest of what it was then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import (
    ColumnElement,
    case,
    distinct,
    exists,
    false,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.settlement.payments import to_payment, to_record
from adapters.postgres.tables import (
    allocations,
    approvals,
    attempts,
    audit_entries,
    authorisations,
    payments,
    sla_results,
)
from domain.errors import NotFound
from domain.requests import UNVERIFIED
from domain.settlement.approvals import (
    APPROVERS,
    UNSIGNED,
    Approval,
    ApprovalContext,
    ApprovalRecord,
    compute_digest,
)
from domain.settlement.limits import Limits, find_ceiling
from domain.settlement.payments import Payment, PaymentRecord, PaymentStatus

# The actions that a verdict follows from: their actors are its makers.
MAKER_ACTIONS = ("outage.declared", "outage.amended", "outage.judged")
NOT_VOIDED = approvals.c.voided_at.is_(None)
# Reserved to be signed, or signed. One that waits may keep a pair whose bytes are proven expired.
IN_ATTEMPT = exists().where(
    allocations.c.payment_id == payments.c.id,
    allocations.c.live,
    attempts.c.payment_id == allocations.c.lead_payment_id,
    attempts.c.n == allocations.c.n,
    attempts.c.max_ledger.is_(None)
    | payments.c.status.not_in([PaymentStatus.BLOCKED, PaymentStatus.ON_HOLD]),
)


async def lock(connection: AsyncConnection, payment_id: str) -> ApprovalContext:
    """Lock a payment and return what decides its approval: nobody else admits or approves it meanwhile."""
    await _lock(connection, [payment_id])
    rows = await connection.execute(
        select(payments, IN_ATTEMPT.label("taken")).where(payments.c.id == payment_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"payment {payment_id!r} does not exist")
    payment = to_payment(row)
    makers = await find_makers(connection, [payment])
    given = await connection.execute(
        select(approvals.c.approver).where(
            approvals.c.payment_id == payment_id,
            NOT_VOIDED,
            approvals.c.digest == compute_digest(payment),
        )
    )
    status, approvers = PaymentStatus(row["status"]), set(given.scalars())
    stated = await list_differences(connection, [payment_id])
    made_by, difference = makers[payment.outage_id], stated.get(payment_id, 0)
    return ApprovalContext(payment, status, made_by, approvers, row["taken"], difference)


async def list_differences(
    connection: AsyncConnection, payment_ids: Sequence[str]
) -> dict[str, int]:
    """Return by how many stroops stated minutes change each payment, against the measured ones."""
    rows = await connection.execute(
        select(sla_results.c.payment_id, sla_results.c.difference_stroops).where(
            sla_results.c.payment_id.in_(payment_ids)
        )
    )
    return {row.payment_id: row.difference_stroops for row in rows}


async def _lock(connection: AsyncConnection, payment_ids: Sequence[str]) -> None:
    """
    Lock payments, always in the same order.

    A statement that waits for a lock still sees attempts as they were before it waited, so the caller
    reads those in a later statement.
    """
    await connection.execute(
        select(payments.c.id)
        .where(payments.c.id.in_(payment_ids))
        .order_by(payments.c.id)
        .with_for_update(key_share=True)
    )


async def find_makers(connection: AsyncConnection, owed: Sequence[Payment]) -> dict[str, list[str]]:
    """
    Return the makers of each payment by outage: the actors of the audit entries its verdict follows from.
    Behind a source of alerts are those who made it, changed it and had its secret, and who decided on its episode.

    Raises NotFound when the audit trail has no verdict of an outage.
    """
    subjects = {f"outage/{payment.outage_id}": payment.outage_id for payment in owed}
    rows = await connection.execute(
        select(audit_entries.c.subject, audit_entries.c.action, audit_entries.c.content)
        .where(audit_entries.c.subject.in_(subjects), audit_entries.c.action.in_(MAKER_ACTIONS))
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
            raise NotFound(
                f"the audit trail does not say who the makers of payment {payment.id!r} are"
            )
    return {
        name: [*said, *await _find_behind(connection, name, said)] for name, said in actors.items()
    }


async def _find_behind(
    connection: AsyncConnection, outage_id: str, makers: Sequence[str]
) -> list[str]:
    """Return the people behind the sources among the makers of an outage; its episode has its id."""
    sources = [maker for maker in makers if maker.startswith("source/")]
    if not sources:
        return []
    contents = await connection.scalars(
        select(audit_entries.c.content)
        .where(audit_entries.c.subject.in_([*sources, f"episode/{outage_id}"]))
        .order_by(audit_entries.c.sequence)
    )
    found = [str(orjson.loads(content)["actor"]) for content in contents]
    return [actor for actor in dict.fromkeys(found) if actor not in makers]


async def add(connection: AsyncConnection, approval: Approval, at: datetime) -> None:
    """Add an approval; an earlier one by the same person, for what the payment was before, is voided."""
    await connection.execute(
        update(approvals)
        .where(
            approvals.c.payment_id == approval.payment_id,
            approvals.c.approver == approval.approver,
            NOT_VOIDED,
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
    """Withdraw an approval. Approvals of a payment in a batch are checked again before it is signed."""
    await connection.execute(
        update(approvals)
        .where(approvals.c.payment_id == payment_id, approvals.c.approver == approver, NOT_VOIDED)
        .values(voided_at=at, voided_reason="withdrawn")
    )


@dataclass(frozen=True, slots=True)
class VoidedApprovals:
    """A payment whose approvals were voided, with their approvers."""

    payment_id: str
    outage_id: str
    correlation_id: str
    approvers: tuple[str, ...]


async def void(
    connection: AsyncConnection, payment_ids: Sequence[str], reason: str, at: datetime
) -> list[VoidedApprovals]:
    """
    Void the approvals of these payments, because what they pay or whom has changed.

    Payments that are already signed do not change. Return the payments that need approval again.
    """
    await _lock(connection, payment_ids)
    unsigned = await connection.execute(
        select(payments.c.id, payments.c.outage_id, payments.c.correlation_id)
        .where(payments.c.id.in_(payment_ids), payments.c.status.in_(UNSIGNED), ~IN_ATTEMPT)
        .order_by(payments.c.id)
    )
    voided = []
    for row in unsigned.all():
        gone = await connection.execute(
            update(approvals)
            .where(approvals.c.payment_id == row.id, NOT_VOIDED)
            .values(voided_at=at, voided_reason=reason)
            .returning(approvals.c.approver)
        )
        approvers = tuple(sorted(gone.scalars()))
        if approvers:
            voided.append(VoidedApprovals(row.id, row.outage_id, row.correlation_id, approvers))
    return voided


async def get_admitted_at(connection: AsyncConnection, payment_id: str) -> datetime | None:
    """Return when a payment was last admitted to be signed; None if it never was."""
    return await connection.scalar(
        select(authorisations.c.admitted_at).where(authorisations.c.payment_id == payment_id)
    )


async def list_by_payment(
    connection: AsyncConnection, payment_ids: Sequence[str]
) -> dict[str, list[ApprovalRecord]]:
    """Return all approvals of each payment, voided ones included, oldest first."""
    rows = await connection.execute(
        select(approvals).where(approvals.c.payment_id.in_(payment_ids)).order_by(approvals.c.id)
    )
    found: dict[str, list[ApprovalRecord]] = {payment_id: [] for payment_id in payment_ids}
    for row in rows:
        given = (row.approver, row.note, row.approved_at, row.digest)
        found[row.payment_id].append(ApprovalRecord(*given, row.voided_at, row.voided_reason))
    return found


def _exceeds(stroops: ColumnElement[int], limit: int | None) -> ColumnElement[bool]:
    return false() if limit is None else stroops > limit


async def list_waiting(
    connection: AsyncConnection, enforced: Limits, segment: ListSegment
) -> tuple[list[PaymentRecord], Total]:
    """Return a page of the payments that wait for approval alone, oldest first, and how many there are."""
    ceiling = find_ceiling(enforced)
    # One of those who approved may be the maker, where nobody knows who that was.
    one_is_a_maker = func.array_to_string(approvals.c.makers, " ").contains(UNVERIFIED)
    given = (
        select(func.count() - func.count(distinct(literal(1))).filter(one_is_a_maker))
        .where(approvals.c.payment_id == payments.c.id, NOT_VOIDED)
        .correlate(payments)
        .scalar_subquery()
    )
    stated = (
        select(sla_results.c.difference_stroops)
        .where(sla_results.c.payment_id == payments.c.id)
        .correlate(payments)
        .scalar_subquery()
    )
    above, above_stated = enforced.approval_above, enforced.approval_above_stated
    required = case(
        (_exceeds(payments.c.amount_stroops, above), APPROVERS),
        (_exceeds(stated, above_stated), 1),
        else_=0,
    )
    wanted = (
        payments.c.status.in_(UNSIGNED),
        true() if ceiling is None else payments.c.amount_stroops <= ceiling,
        given < required,
    )
    key = Keyset((payments.c.created_at, payments.c.id), descending=False)
    rows, total = await read_page(
        connection, Listing(payments, key, wanted, select(payments)), segment
    )
    return [to_record(row) for row in rows], total
