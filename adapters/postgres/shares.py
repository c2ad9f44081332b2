"""Who rides in an attempt: read, left out before anything is signed, blamed, confirmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.attempts import Reservation
from adapters.postgres.payments import payment_of
from adapters.postgres.states import PAYMENTS
from adapters.postgres.tables import attempts, payments, shares
from domain.attempts import AttemptStatus, SettlementRail
from domain.batches import Batch, Ejected
from domain.payments import SENT, Payment, PaymentStatus
from domain.reasons import Reason, ReasonCode
from domain.shares import Share, Transfer


async def rail_of(connection: AsyncConnection, batch: Batch) -> SettlementRail:
    rows = await connection.execute(
        select(attempts.c.rail).where(
            attempts.c.payment_id == batch.leader, attempts.c.n == batch.n
        )
    )
    return SettlementRail(rows.scalar_one())


async def outages_of(connection: AsyncConnection, batch: Batch) -> dict[str, str]:
    """Return the outage of every payment that ever rode in a batch."""
    rows = await connection.execute(
        select(payments.c.id, payments.c.outage_id)
        .join(shares, shares.c.payment_id == payments.c.id)
        .where(shares.c.leader == batch.leader, shares.c.n == batch.n)
    )
    return {row.id: row.outage_id for row in rows}


async def left_out(connection: AsyncConnection, batch: Batch) -> list[Ejected]:
    """Return who was taken out of a batch, and why."""
    rows = await connection.execute(
        select(shares.c.payment_id, shares.c.reason_code, shares.c.reason)
        .where(
            shares.c.leader == batch.leader,
            shares.c.n == batch.n,
            shares.c.reason_code.is_not(None),
        )
        .order_by(shares.c.number, shares.c.payment_id)
    )
    return [
        Ejected(row.payment_id, Reason(ReasonCode(row.reason_code), row.reason)) for row in rows
    ]


async def called_back(connection: AsyncConnection, batch: Batch) -> list[str]:
    """Return who was taken out of a batch though nothing is wrong with its payee."""
    rows = await connection.execute(
        select(shares.c.payment_id)
        .join(attempts, (attempts.c.payment_id == shares.c.leader) & (attempts.c.n == shares.c.n))
        .where(
            shares.c.leader == batch.leader,
            shares.c.n == batch.n,
            attempts.c.status != AttemptStatus.FAILED,
            ~shares.c.live,
            shares.c.reason_code.is_(None),
        )
        .order_by(shares.c.payment_id)
    )
    return list(rows.scalars())


_RIDING = (
    select(shares.c.number.label("transfer"), shares.c.amount_stroops.label("share"), payments)
    .join(payments, payments.c.id == shares.c.payment_id)
    .order_by(shares.c.number, payments.c.number)
)


async def riding(
    connection: AsyncConnection, batch: Batch
) -> tuple[dict[str, Payment], list[Transfer]]:
    """Return the payments of a batch by id, and the transfers they make, in order of number."""
    found = await connection.execute(
        _RIDING.where(shares.c.leader == batch.leader, shares.c.n == batch.n, shares.c.live)
    )
    rows = found.mappings().all()
    members = {row["number"]: payment_of(row) for row in rows}
    together: dict[int, list[RowMapping]] = {}
    for row in rows:
        together.setdefault(row["transfer"], []).append(row)
    return {payment.id: payment for payment in members.values()}, [
        _transfer(members[number], rows) for number, rows in sorted(together.items())
    ]


def _transfer(first: Payment, rows: Sequence[RowMapping]) -> Transfer:
    return Transfer(
        first.number,
        first.payer,
        first.from_address,
        first.to_address,
        sum(row["share"] for row in rows),
        tuple(Share(row["id"], row["share"]) for row in rows),
    )


_LEAVE = text(
    """
    WITH attempt AS (
        UPDATE attempts SET riders = riders - cardinality(CAST(:payment_ids AS text[]))
        WHERE payment_id = :leader AND n = :n AND status = 'open' AND max_ledger IS NULL
          AND riders = :riders
        RETURNING payment_id, n
    )
    UPDATE shares SET live = false, reason_code = left_out.code, reason = left_out.reason
    FROM attempt, unnest(
        CAST(:payment_ids AS text[]), CAST(:codes AS text[]), CAST(:reasons AS text[])
    ) AS left_out (payment_id, code, reason)
    WHERE shares.leader = attempt.payment_id AND shares.n = attempt.n AND shares.live
      AND shares.payment_id = left_out.payment_id
    """
)


async def leave_out(
    connection: AsyncConnection, reserved: Reservation, left_out: Mapping[str, Reason | None]
) -> bool:
    """
    Take payments, each with its reason if it has one, out of a batch before anything is signed.

    False when bytes were stored meanwhile, or somebody else left: nobody was taken out.
    """
    result = await connection.execute(
        _LEAVE,
        {
            "leader": reserved.payment_id,
            "n": reserved.n,
            "riders": reserved.riders,
            "payment_ids": list(left_out),
            "codes": [why and why.code for why in left_out.values()],
            "reasons": [why and why.sentence for why in left_out.values()],
        },
    )
    return result.rowcount == len(left_out)


async def blame(connection: AsyncConnection, batch: Batch, ejected: Sequence[Ejected]) -> None:
    """Record which payments of a failed batch were at fault, and why."""
    await connection.execute(
        text(
            """
            UPDATE shares SET reason_code = blamed.code, reason = blamed.reason
            FROM unnest(
                CAST(:payment_ids AS text[]), CAST(:codes AS text[]), CAST(:reasons AS text[])
            ) AS blamed (payment_id, code, reason)
            WHERE leader = :leader AND n = :n AND shares.payment_id = blamed.payment_id
            """
        ),
        {
            "leader": batch.leader,
            "n": batch.n,
            "payment_ids": [out.payment_id for out in ejected],
            "codes": [out.reason.code for out in ejected],
            "reasons": [out.reason.sentence for out in ejected],
        },
    )


_CONFIRM = text(
    f"""
    UPDATE payments SET {PAYMENTS.assignment(PaymentStatus.CONFIRMED)},
           transaction_hash = :transaction_hash, ledger = :ledger, confirmed_at = :confirmed_at
    FROM shares s
    WHERE s.leader = :leader AND s.n = :n AND s.live AND payments.id = s.payment_id
      AND {PAYMENTS.condition(PaymentStatus.CONFIRMED, SENT)}
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
    """Record for each payment of a batch the proof that its money moved."""
    await connection.execute(
        _CONFIRM,
        {
            "leader": batch.leader,
            "n": batch.n,
            "transaction_hash": transaction_hash,
            "ledger": ledger,
            "confirmed_at": confirmed_at,
        },
    )
