"""
Admissions in the database: what decides on one payment, and the sums spent on one day.

Every transaction takes its locks in the same order: the payment, then the rows of the day it counts
for, payer before payee, and then those of an earlier day.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import exists, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.settlement.manual_matches import NAMED
from adapters.postgres.settlement.payments import require_record
from adapters.postgres.tables import allocations, payments
from domain.errors import NotFound
from domain.settlement.admissions import (
    AdmissionCase,
    Authorisation,
    Charge,
    Spent,
)
from domain.settlement.approvals import APPROVERS, compute_digest
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentRecord, PaymentStatus


def _count_approvers(payment: str, digest: str) -> str:
    """
    Return the SQL that counts who has approved a payment as it stands: one less where a maker is unverified, who
    may be one of them.
    """
    return f"""(
        SELECT count(DISTINCT v.approver) - count(DISTINCT 1) FILTER (WHERE EXISTS (
            SELECT FROM unnest(v.makers) AS maker WHERE maker ^@ 'unverified:'))
        FROM approvals v
        WHERE v.payment_id = {payment} AND v.digest = {digest} AND v.voided_at IS NULL)"""


_LOCK = text("SELECT status FROM payments WHERE id = :payment FOR NO KEY UPDATE")
# A statement of its own, so that it sees what was committed while this transaction waited for the lock.
_CASE = text(
    f"""
    SELECT (SELECT reason FROM circuit_breakers WHERE name = 'settlement' AND is_open) AS circuit_breaker,
           {_count_approvers(":payment", ":digest")} AS approvers,
           (SELECT difference_stroops FROM sla_results WHERE payment_id = :payment) AS difference,
           a.day, a.to_address
    FROM (SELECT) AS one LEFT JOIN authorisations a ON a.payment_id = :payment
    """
)
# An update that changes nothing, where the rows are there already: it locks them, and returns what they hold.
_LOCK_DAY = text(
    """
    INSERT INTO spending (day, side, account, spent_stroops)
    VALUES (:day, 'payer', :payer, 0), (:day, 'payee', :payee, 0)
    ON CONFLICT (day, side, account) DO UPDATE SET spent_stroops = spending.spent_stroops
    RETURNING side, spent_stroops
    """
)
_CHARGE = text(
    """
    UPDATE spending SET spent_stroops = spent_stroops + :stroops
    WHERE day = :day AND side = :side AND account = :account
    """
)
_AUTHORISATION = """
    INSERT INTO authorisations (payment_id, day, to_address, amount_stroops, digest, admitted_at)
    VALUES (:payment, :day, :payee, :amount, :digest, clock_timestamp())
    ON CONFLICT (payment_id) DO UPDATE SET
        day = excluded.day, to_address = excluded.to_address, digest = excluded.digest,
        admitted_at = excluded.admitted_at
"""
_AUTHORISE = text(_AUTHORISATION)
# Both rows of the day grow, payer before payee, and are locked by that; what they hold then is returned.
_ADMIT_FIRST = text(
    f"""
    WITH authorised AS ({_AUTHORISATION})
    INSERT INTO spending (day, side, account, spent_stroops)
    VALUES (:day, 'payer', :payer, :amount), (:day, 'payee', :payee, :amount)
    ON CONFLICT (day, side, account)
    DO UPDATE SET spent_stroops = spending.spent_stroops + excluded.spent_stroops
    RETURNING side, spent_stroops
    """
)
_APPROVERS = _count_approvers("a.payment_id", "a.digest")
_ADMITTED = f"""
    SELECT a.payment_id
    FROM unnest(CAST(:payments AS text[]), CAST(:digests AS text[])) AS asked (payment_id, digest)
    JOIN authorisations a USING (payment_id, digest)
    WHERE a.day >= :today
      AND (a.amount_stroops <= CAST(:cap AS bigint)) IS NOT FALSE
      AND ((a.amount_stroops <= CAST(:above AS bigint)) IS NOT FALSE OR :approvers <= {_APPROVERS})
      AND (NOT EXISTS (SELECT FROM sla_results r WHERE r.payment_id = a.payment_id
               AND r.difference_stroops > CAST(:above_stated AS bigint))
           OR 1 <= {_APPROVERS})
      AND NOT EXISTS (SELECT FROM circuit_breakers WHERE name = 'settlement' AND is_open)
"""
_LIST_ADMITTED = text(_ADMITTED)
_SIGNABLE = text(
    f"SELECT p.*, {NAMED}, EXISTS ({_ADMITTED}) AS admitted FROM payments p WHERE p.id = :payment_id"
)


async def lock(connection: AsyncConnection, payment: Payment) -> AdmissionCase:
    """Lock a payment and return what decides its admission; nobody else admits or signs it meanwhile."""
    asked = {"payment": payment.id, "digest": compute_digest(payment)}
    status = await connection.scalar(_LOCK, asked)
    if status is None:
        raise NotFound(f"payment {payment.id!r} does not exist")
    row = (await connection.execute(_CASE, asked)).one()
    authorised = None if row.day is None else Authorisation(row.day, row.to_address)
    status, difference = PaymentStatus(status), row.difference or 0
    return AdmissionCase(status, row.circuit_breaker, row.approvers, authorised, difference)


async def list_admitted(
    connection: AsyncConnection, payments: Sequence[Payment], allowed: Limits, today: date
) -> set[str]:
    """
    Return which payments are admitted already, exactly as they stand, for this day or a later one.

    Nothing is locked: ask when each of them has its reservation, after which no approval is voided.
    """
    return set(await connection.scalars(_LIST_ADMITTED, _describe_all(payments, allowed, today)))


def _describe_all(payments: Sequence[Payment], allowed: Limits, today: date) -> dict[str, Any]:
    return {
        "payments": [payment.id for payment in payments],
        "digests": [compute_digest(payment) for payment in payments],
        "today": today,
        "cap": allowed.cap_per_payment,
        "above": allowed.approval_above,
        "above_stated": allowed.approval_above_stated,
        "approvers": APPROVERS,
    }


async def get_signable(
    connection: AsyncConnection,
    payment: Payment,
    allowed: Limits,
    today: date,
    others: Sequence[int],
) -> tuple[PaymentRecord, bool, bool]:
    """
    Return a payment that has its reservation, whether it is admitted exactly as it is given, and whether the chain
    shows any transfer under its number or `others`. Raises NotFound.
    """
    asked = _describe_all([payment], allowed, today)
    asked |= {"payment_id": payment.id, "others": list(others)}
    row = (await connection.execute(_SIGNABLE, asked)).mappings().one_or_none()
    record = require_record(row, payment.id)
    return record, bool(row and row["admitted"]), bool(row and row["named"])


async def lock_day(connection: AsyncConnection, payment: Payment, day: date) -> Spent:
    """Lock the sums of a day and return them, in stroops; nobody else changes them until the commit."""
    asked = {"day": day, "payer": payment.from_address, "payee": payment.to_address}
    rows = (await connection.execute(_LOCK_DAY, asked)).all()
    spent = {row.side: int(row.spent_stroops) for row in rows}
    return Spent(spent["payer"], spent["payee"])


async def admit_first(connection: AsyncConnection, payment: Payment, day: date) -> Spent:
    """
    Charge a day with a payment that was never admitted, and authorise it. Return what the sums of the day were
    before: the caller rolls back where the payment does not fit.
    """
    asked = _describe(payment, day) | {"payer": payment.from_address}
    rows = (await connection.execute(_ADMIT_FIRST, asked)).all()
    spent = {row.side: int(row.spent_stroops) - payment.amount_stroops for row in rows}
    return Spent(spent["payer"], spent["payee"])


async def charge(connection: AsyncConnection, moved: Sequence[Charge]) -> None:
    """Change the sums of a day by these charges; the caller has locked them."""
    # One after the other, in their order: the rows of an earlier day are locked by it.
    await connection.execute(_CHARGE, [asdict(each) for each in moved])


async def authorise(connection: AsyncConnection, payment: Payment, day: date) -> None:
    """Record for which day and payee a payment counts, and the digest that was approved."""
    await connection.execute(_AUTHORISE, _describe(payment, day))


def _describe(payment: Payment, day: date) -> dict[str, Any]:
    return {
        "payment": payment.id,
        "day": day,
        "payee": payment.to_address,
        "amount": payment.amount_stroops,
        "digest": compute_digest(payment),
    }


async def release_stopped(connection: AsyncConnection, payment_id: str) -> None:
    """Have a payment that was stopped, and is not any more, wait for its turn like all others."""
    in_attempt = exists().where(allocations.c.payment_id == payments.c.id, allocations.c.live)
    stopped = {PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED}
    await connection.execute(
        transitions.PAYMENTS.update(PaymentStatus.PENDING, stopped).where(
            payments.c.id == payment_id, ~in_attempt
        )
    )
