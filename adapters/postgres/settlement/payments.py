"""Payments in the database: one per outage and revision, confirmed at most once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import RowMapping, exists, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import installation, transitions
from adapters.postgres.access.scopes import list_conditions
from adapters.postgres.settlement.wallets import get_agreement_at
from adapters.postgres.sla.outage_contexts import OutageContext
from adapters.postgres.tables import allocations, attempts, payments
from adapters.postgres.transitions import Change
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict, NotFound
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import Attempt
from domain.settlement.payments import (
    SENT,
    Payment,
    PaymentRecord,
    PaymentStatus,
    Treasury,
    derive_number,
    make_payment,
    redirect,
)
from domain.sla.agreements.agreements import Agreement
from domain.sla.verdicts import PaymentType, Verdict

_NUMBER = "uq_payments_number"


async def preview_payment(
    connection: AsyncConnection,
    network: str,
    context: OutageContext,
    revision: int,
    verdict: Verdict,
    at: datetime,
) -> Payment:
    """Return the payment that a verdict owes, to the payout address of its payee at an instant."""
    agreement = await get_agreement_at(connection, context.agreement, at)
    outage_id, correlation_id = context.outage.id, context.correlation_id
    return make_payment(network, agreement, outage_id, revision, verdict, correlation_id)


async def redirect_payment(
    connection: AsyncConnection, payment: Payment, bound: Agreement, at: datetime
) -> Payment:
    """Return a payment between the addresses that its parties have at an instant."""
    return redirect(payment, await get_agreement_at(connection, bound, at))


async def add(
    connection: AsyncConnection,
    payment: Payment,
    passphrase: str,
    at: datetime,
    installation_id: UUID | None = None,
) -> Payment:
    """
    Insert a payment and give it its number on the network of this passphrase; the id of the installation is read
    unless the caller has read it. If one exists for this outage and revision, it is returned and nothing is inserted. Raises Conflict
    when another payment has the number, which is for all purposes impossible.
    """
    here = installation_id or await installation.get_id(connection)
    number = derive_number(passphrase, here, payment.outage_id, payment.revision)
    statement = insert(payments).values(
        id=payment.id,
        number=number,
        outage_id=payment.outage_id,
        revision=payment.revision,
        type=payment.type,
        status=PaymentStatus.PENDING,
        amount_stroops=payment.amount_stroops,
        asset_code="USDC",
        payer=payment.payer,
        from_address=payment.from_address,
        to_address=payment.to_address,
        correlation_id=payment.correlation_id,
        created_at=at,
    )
    # Setting a column to itself changes nothing, but makes RETURNING include an existing row.
    try:
        rows = await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["outage_id", "revision"], set_={"id": payments.c.id}
            ).returning(payments)
        )
    except IntegrityError as error:
        _refuse_collision(error, payment, number)
        raise
    return to_payment(rows.mappings().one())


def _refuse_collision(error: IntegrityError, payment: Payment, number: int) -> None:
    found = error.orig
    if isinstance(found, UniqueViolation) and found.diag.constraint_name == _NUMBER:
        raise Conflict(
            f"payment {payment.id} would have the number {number}, which another payment has; declare "
            "the outage under another id"
        ) from error


def to_payment(row: RowMapping) -> Payment:
    return Payment(
        id=row["id"],
        number=row["number"],
        outage_id=row["outage_id"],
        revision=row["revision"],
        type=PaymentType(row["type"]),
        amount_stroops=row["amount_stroops"],
        payer=Treasury(row["payer"]),
        from_address=row["from_address"],
        to_address=row["to_address"],
        correlation_id=row["correlation_id"],
    )


def to_record(row: RowMapping) -> PaymentRecord:
    code = row["reason_code"]
    return PaymentRecord(
        to_payment(row),
        PaymentStatus(row["status"]),
        row["asset_code"],
        row["transaction_hash"],
        row["ledger"],
        None if code is None else ReasonCode(code),
        row["status_reason"],
        row["created_at"],
        row["confirmed_at"],
    )


async def set_addresses(connection: AsyncConnection, moved: Payment) -> None:
    """Make a payment to another address; the caller has locked it, and nothing may pay it meanwhile."""
    await connection.execute(
        update(payments)
        .where(payments.c.id == moved.id)
        .values(from_address=moved.from_address, to_address=moved.to_address)
    )


async def move(
    connection: AsyncConnection, payment_id: str, to: PaymentStatus, **changes: Any
) -> bool:
    """Move a payment to its next status; False when it has that status already."""
    return await transitions.move(
        connection, transitions.PAYMENTS, {"id": payment_id}, to, **changes
    )


async def move_all(
    connection: AsyncConnection, payment_ids: Sequence[str], to: PaymentStatus, **changes: Any
) -> None:
    """Move many payments to their next status; those for which it is not allowed do not change."""
    await connection.execute(
        transitions.PAYMENTS.update(to, **changes).where(payments.c.id.in_(payment_ids))
    )


_LOCK_ATTEMPT = text(
    """
    SELECT 1 FROM attempts a JOIN allocations s ON (s.lead_payment_id, s.n) = (a.payment_id, a.n)
    WHERE s.payment_id = :payment_id AND s.live FOR UPDATE OF a
    """
)


async def stop(
    connection: AsyncConnection,
    payment_id: str,
    status: PaymentStatus,
    reason: Reason,
    dead_after: int | None = None,
) -> bool:
    """
    Make a payment wait with a reason, which replaces an earlier one; it is in no batch until then.

    A payment that is in an attempt is stopped only by quarantine, or when its newest bytes expired
    after the ledger `dead_after`. Any other reason was found before its bytes were signed, by a run
    that is late. False when the payment was not stopped.
    """
    in_attempt = exists().where(
        allocations.c.payment_id == payments.c.id,
        allocations.c.live,
        attempts.c.payment_id == allocations.c.lead_payment_id,
        attempts.c.n == allocations.c.n,
        true() if dead_after is None else attempts.c.max_ledger.is_distinct_from(dead_after),
    )
    # Whoever stores bytes for the payment now does so before this transaction, or after it.
    await connection.execute(_LOCK_ATTEMPT, {"payment_id": payment_id})
    result = await connection.execute(
        transitions.PAYMENTS.update(
            status,
            again=True,
            reason_code=reason.code,
            status_reason=reason.sentence,
            batch_ready_at=None,
        ).where(
            payments.c.id == payment_id,
            true() if status is PaymentStatus.QUARANTINED else ~in_attempt,
        )
    )
    return result.rowcount == 1


_RECORD_DISAGREEMENT = text(
    """
    UPDATE payments SET reason_code = :code, status_reason = :sentence
    FROM allocations s
    WHERE s.lead_payment_id = :lead_payment_id AND s.n = :n AND s.live AND s.payment_id = payments.id
      AND payments.status = 'submitted' AND payments.status_reason IS DISTINCT FROM :sentence
    RETURNING payments.*
    """
)


async def record_disagreement(
    connection: AsyncConnection, attempt: Attempt, reason: Reason | None
) -> list[Payment]:
    """
    Record why the payments of an attempt are not final although they were sent; None takes it back.

    Returns those of which that is news.
    """
    noted = {
        "code": reason.code if reason else None,
        "sentence": reason.sentence if reason else None,
    }
    key = {"lead_payment_id": attempt.payment_id, "n": attempt.n}
    rows = await connection.execute(_RECORD_DISAGREEMENT, key | noted)
    return [to_payment(row) for row in rows.mappings()]


_CONFIRM = f"""
    changed AS (
        UPDATE payments SET {transitions.PAYMENTS.make_assignment(PaymentStatus.CONFIRMED)},
            transaction_hash = :transaction_hash, ledger = :ledger, confirmed_at = :confirmed_at
        WHERE payments.id = :payment_id
          AND {transitions.PAYMENTS.make_condition(PaymentStatus.CONFIRMED, SENT)}
        RETURNING payments.id
    )
"""


def make_confirmation(payment_id: str, **proof: Any) -> Change:
    """Return what records the proof that the money of a payment moved, if it was sent and that is news."""
    return Change(_CONFIRM, {"payment_id": payment_id} | proof)


async def confirm(connection: AsyncConnection, payment_id: str, **proof: Any) -> bool:
    """
    Record the proof that the money moved; False when this transaction has confirmed it before.

    Raises Conflict when another transaction confirmed the payment, IllegalTransition when its status
    does not allow it to be confirmed.
    """
    to, key = PaymentStatus.CONFIRMED, {"id": payment_id}
    if await transitions.move(connection, transitions.PAYMENTS, key, to, SENT, **proof):
        return True
    known = (await get(connection, payment_id, EVERYTHING)).transaction_hash
    if known != proof["transaction_hash"]:
        raise Conflict(f"payment {payment_id} is confirmed by {known}")
    return False


async def get(connection: AsyncConnection, payment_id: str, scope: Scope) -> PaymentRecord:
    """Raises NotFound, for a payment outside of the scope as for none."""
    own = list_conditions(scope, payments.c.outage_id)
    rows = await connection.execute(select(payments).where(payments.c.id == payment_id, *own))
    return require_record(rows.mappings().one_or_none(), payment_id)


def require_record(row: RowMapping | None, payment_id: str) -> PaymentRecord:
    """Raises NotFound where there is no row."""
    if row is None:
        raise NotFound(f"payment {payment_id!r} does not exist")
    return to_record(row)


async def list_by_outage(connection: AsyncConnection, outage_id: str) -> list[PaymentRecord]:
    rows = await connection.execute(
        select(payments).where(payments.c.outage_id == outage_id).order_by(payments.c.revision)
    )
    return [to_record(row) for row in rows.mappings()]


async def find_workflow_ids(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """Return the ids of the workflows of payments, by their ids."""
    rows = await connection.execute(select(payments).where(payments.c.id.in_(ids)))
    return {row["id"]: to_payment(row).workflow_id for row in rows.mappings()}
