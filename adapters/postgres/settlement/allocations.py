"""The members of an attempt: read, removed before anything is signed, marked at fault, confirmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, exists, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement.attempts import Reservation
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import allocations, attempts, payments
from adapters.postgres.transitions import PAYMENTS
from domain.reasons import Reason, ReasonCode
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import AttemptStatus, SettlementRail
from domain.settlement.batches import Batch, RemovedPayment
from domain.settlement.payments import SENT, Payment, PaymentStatus


async def get_rail(connection: AsyncConnection, batch: Batch) -> SettlementRail:
    rows = await connection.execute(
        select(attempts.c.rail).where(
            attempts.c.payment_id == batch.lead_payment_id, attempts.c.n == batch.n
        )
    )
    return SettlementRail(rows.scalar_one())


async def list_removed(connection: AsyncConnection, batch: Batch) -> list[RemovedPayment]:
    """Return the payments that were removed from a batch, and why."""
    rows = await connection.execute(
        select(allocations.c.payment_id, allocations.c.reason_code, allocations.c.reason)
        .join(payments, payments.c.id == allocations.c.payment_id)
        .where(
            allocations.c.lead_payment_id == batch.lead_payment_id,
            allocations.c.n == batch.n,
            allocations.c.reason_code.is_not(None),
        )
        .order_by(payments.c.queue_number)
    )
    return [
        RemovedPayment(row.payment_id, Reason(ReasonCode(row.reason_code), row.reason))
        for row in rows
    ]


async def list_withdrawn(connection: AsyncConnection, batch: Batch) -> list[str]:
    """Return the payments that were removed from a batch though nothing is wrong with their payee."""
    rows = await connection.execute(
        select(allocations.c.payment_id)
        .join(
            attempts,
            (attempts.c.payment_id == allocations.c.lead_payment_id)
            & (attempts.c.n == allocations.c.n),
        )
        .where(
            allocations.c.lead_payment_id == batch.lead_payment_id,
            allocations.c.n == batch.n,
            attempts.c.status != AttemptStatus.FAILED,
            ~allocations.c.live,
            allocations.c.reason_code.is_(None),
        )
        .order_by(allocations.c.payment_id)
    )
    return list(rows.scalars())


async def has_netted(connection: AsyncConnection) -> bool:
    """Return whether any payment was ever put into a transfer that bears the number of another."""
    return bool(await connection.scalar(select(exists().where(allocations.c.netted))))


_MEMBERS = (
    select(
        allocations.c.number.label("transfer"),
        allocations.c.amount_stroops.label("allocated_stroops"),
        payments,
    )
    .join(payments, payments.c.id == allocations.c.payment_id)
    .order_by(payments.c.queue_number)
)


async def get_members(
    connection: AsyncConnection, batch: Batch
) -> tuple[dict[str, Payment], list[Transfer]]:
    """Return the payments of a batch by id, and their transfers, in the order they became owed."""
    found = await connection.execute(
        _MEMBERS.where(
            allocations.c.lead_payment_id == batch.lead_payment_id,
            allocations.c.n == batch.n,
            allocations.c.live,
        )
    )
    rows = found.mappings().all()
    members = {row["number"]: to_payment(row) for row in rows}
    by_transfer: dict[int, list[RowMapping]] = {}
    for row in rows:
        by_transfer.setdefault(row["transfer"], []).append(row)
    return {payment.id: payment for payment in members.values()}, [
        _to_transfer(members[number], rows) for number, rows in by_transfer.items()
    ]


def _to_transfer(first: Payment, rows: Sequence[RowMapping]) -> Transfer:
    return Transfer(
        first.number,
        first.payer,
        first.from_address,
        first.to_address,
        sum(row["allocated_stroops"] for row in rows),
        tuple(Allocation(row["id"], row["allocated_stroops"]) for row in rows),
    )


_REMOVE = text(
    """
    WITH attempt AS (
        UPDATE attempts SET members = members - cardinality(CAST(:payment_ids AS text[]))
        WHERE payment_id = :lead_payment_id AND n = :n AND status = 'open' AND max_ledger IS NULL
          AND members = :members
        RETURNING payment_id, n
    )
    UPDATE allocations SET live = false, reason_code = left_out.code, reason = left_out.reason
    FROM attempt, unnest(
        CAST(:payment_ids AS text[]), CAST(:codes AS text[]), CAST(:reasons AS text[])
    ) AS left_out (payment_id, code, reason)
    WHERE allocations.lead_payment_id = attempt.payment_id AND allocations.n = attempt.n AND allocations.live
      AND allocations.payment_id = left_out.payment_id
    """
)


async def remove_members(
    connection: AsyncConnection, reserved: Reservation, removed: Mapping[str, Reason | None]
) -> bool:
    """
    Remove payments, each with its reason if it has one, from a batch before anything is signed.

    False when bytes were stored meanwhile, or the members have changed: no payment was removed.
    """
    result = await connection.execute(
        _REMOVE,
        {
            "lead_payment_id": reserved.payment_id,
            "n": reserved.n,
            "members": reserved.members,
            "payment_ids": list(removed),
            "codes": [reason and reason.code for reason in removed.values()],
            "reasons": [reason and reason.sentence for reason in removed.values()],
        },
    )
    return result.rowcount == len(removed)


async def record_faults(
    connection: AsyncConnection, batch: Batch, removed: Sequence[RemovedPayment]
) -> None:
    """Record which payments of a failed batch were at fault, and why."""
    await connection.execute(
        text(
            """
            UPDATE allocations SET reason_code = fault.code, reason = fault.reason
            FROM unnest(
                CAST(:payment_ids AS text[]), CAST(:codes AS text[]), CAST(:reasons AS text[])
            ) AS fault (payment_id, code, reason)
            WHERE lead_payment_id = :lead_payment_id AND n = :n AND allocations.payment_id = fault.payment_id
            """
        ),
        {
            "lead_payment_id": batch.lead_payment_id,
            "n": batch.n,
            "payment_ids": [each.payment_id for each in removed],
            "codes": [each.reason.code for each in removed],
            "reasons": [each.reason.sentence for each in removed],
        },
    )


_CONFIRM = text(
    f"""
    UPDATE payments SET {PAYMENTS.make_assignment(PaymentStatus.CONFIRMED)},
           transaction_hash = :transaction_hash, ledger = :ledger, confirmed_at = :confirmed_at
    FROM allocations s
    WHERE s.lead_payment_id = :lead_payment_id AND s.n = :n AND s.live AND payments.id = s.payment_id
      AND {PAYMENTS.make_condition(PaymentStatus.CONFIRMED, SENT)}
    """
)


async def confirm(
    connection: AsyncConnection,
    batch: Batch,
    *,
    transaction_hash: str,
    ledger: int,
    confirmed_at: datetime,
) -> None:
    """Record the proof that the money moved, for each payment of a batch."""
    await connection.execute(
        _CONFIRM,
        {
            "lead_payment_id": batch.lead_payment_id,
            "n": batch.n,
            "transaction_hash": transaction_hash,
            "ledger": ledger,
            "confirmed_at": confirmed_at,
        },
    )
