"""Batches in the database: payments that are ready, put together under one (channel, sequence)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import attempts, payments
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import AttemptStatus, SettlementRail
from domain.settlement.batches import Batch, Plan
from domain.settlement.payments import TRANSITIONS, PaymentStatus
from domain.transitions import list_sources

PAYMENTS_MAX = 1000


async def mark_ready(connection: AsyncConnection, payment_id: str) -> None:
    """Mark a payment as ready to be put in a batch, from now on."""
    await connection.execute(
        update(payments)
        .where(
            payments.c.id == payment_id,
            payments.c.batch_ready_at.is_(None),
            payments.c.status.in_(list_sources(TRANSITIONS, PaymentStatus.PREPARED)),
        )
        .values(batch_ready_at=func.now())
    )


_READY = text(
    """
    SELECT p.* FROM payments p
    WHERE p.batch_ready_at <= :before AND p.status = ANY(:preparable)
      AND NOT EXISTS (SELECT FROM allocations s WHERE s.payment_id = p.id AND s.live)
    ORDER BY p.batch_ready_at, p.queue_number LIMIT :limit FOR UPDATE OF p SKIP LOCKED
    """
)

_CHANNEL = text(
    """
    SELECT address, sequence FROM channels
    WHERE address = ANY(:ours)
      AND payment_id IS NULL AND sequence IS NOT NULL AND NOT quarantined
    ORDER BY used_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
    """
)


async def form_batch(
    connection: AsyncConnection,
    plan: Plan,
    now: datetime,
    ours: Sequence[str],
) -> Batch | None:
    """
    Form a batch of ready payments and reserve a channel for it, in one transaction.

    `ours` are the channels whose keys this worker has. None when no payment is ready, or none of these
    channels is free.
    """
    channel = (await connection.execute(_CHANNEL, {"ours": ours})).one_or_none()
    if channel is None:
        return None
    rows = await connection.execute(
        _READY,
        {
            "before": plan.window_began(now),
            "preparable": list_sources(TRANSITIONS, PaymentStatus.PREPARED),
            "limit": PAYMENTS_MAX,
        },
    )
    ready = [to_payment(row) for row in rows.mappings()]
    transfers = plan.choose_transfers(ready)
    if not transfers:
        return None
    return await _reserve(connection, plan.rail, channel.address, channel.sequence, transfers)


_RESERVE = text(
    """
    WITH channel AS (
        UPDATE channels SET payment_id = :lead_payment_id, used_at = now() WHERE address = :channel
    ), attempt AS (
        INSERT INTO attempts (payment_id, n, channel, sequence, status, rail, batched, resubmitted, members)
        SELECT :lead_payment_id, coalesce(max(n), 0) + 1, :channel, :sequence, 'open', :rail, true,
               :resubmitted, cardinality(CAST(:payment_ids AS text[]))
        FROM attempts WHERE payment_id = :lead_payment_id
        RETURNING payment_id, n
    ), allocation AS (
        INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops, netted)
        SELECT a.payment_id, a.n, s.payment_id, s.number, s.amount_stroops, s.number <> p.number
        FROM attempt a, unnest(
            CAST(:payment_ids AS text[]), CAST(:numbers AS bigint[]), CAST(:amounts AS bigint[])
        ) AS s (payment_id, number, amount_stroops)
        JOIN payments p ON p.id = s.payment_id
    ), payment AS (
        UPDATE payments SET batch_ready_at = NULL WHERE id = ANY(:payment_ids)
    )
    SELECT n FROM attempt
    """
)


async def _reserve(
    connection: AsyncConnection,
    rail: SettlementRail,
    channel: str,
    sequence: int,
    transfers: Sequence[Transfer],
    *,
    resubmitted: bool = False,
) -> Batch:
    allocated = [
        (transfer.number, allocation)
        for transfer in transfers
        for allocation in transfer.allocations
    ]
    lead_payment_id = allocated[0][1].payment_id
    n = await connection.scalar(
        _RESERVE,
        {
            "lead_payment_id": lead_payment_id,
            "channel": channel,
            "sequence": sequence + 1,
            "rail": rail,
            "resubmitted": resubmitted,
            "payment_ids": [allocation.payment_id for _, allocation in allocated],
            "numbers": [number for number, _ in allocated],
            "amounts": [allocation.amount_stroops for _, allocation in allocated],
        },
    )
    assert isinstance(n, int)
    return Batch(lead_payment_id, n, resubmitted)


async def form_from_survivors(
    connection: AsyncConnection, batch: Batch, survivors: Sequence[Transfer], ours: Sequence[str]
) -> Batch | None:
    """
    Form a batch of the survivors of a failed one, on the sequence that follows the one it consumed.

    None when the batch was resubmitted once before, or its channel is not one of `ours`: then the
    survivors wait to be batched with other payments.
    """
    payment_ids = [
        allocation.payment_id for transfer in survivors for allocation in transfer.allocations
    ]
    row = (
        await connection.execute(
            text(
                """
                SELECT c.address, c.sequence, a.rail, a.resubmitted FROM attempts a
                JOIN channels c ON c.address = a.channel AND c.payment_id IS NULL
                  AND NOT c.quarantined AND c.address = ANY(:ours)
                WHERE a.payment_id = :lead_payment_id AND a.n = :n FOR UPDATE OF c
                """
            ),
            {"lead_payment_id": batch.lead_payment_id, "n": batch.n, "ours": ours},
        )
    ).one_or_none()
    if row is None or row.resubmitted or batch.resubmitted or not survivors:
        await connection.execute(
            update(payments).where(payments.c.id.in_(payment_ids)).values(batch_ready_at=func.now())
        )
        return None
    rail = SettlementRail(row.rail)
    return await _reserve(connection, rail, row.address, row.sequence, survivors, resubmitted=True)


async def list_open(connection: AsyncConnection) -> list[Batch]:
    """Return every batch whose attempt is open."""
    rows = await connection.execute(
        select(attempts.c.payment_id, attempts.c.n, attempts.c.resubmitted)
        .where(attempts.c.batched, attempts.c.status == AttemptStatus.OPEN)
        .order_by(attempts.c.opened_at)
    )
    return [Batch(*row) for row in rows]


async def get_successor(connection: AsyncConnection, batch: Batch) -> Batch | None:
    """Return the open batch that the survivors of a failed one were put in; None if there is none."""
    row = (
        await connection.execute(
            text(
                """
                SELECT a.payment_id, a.n, a.resubmitted FROM attempts before
                JOIN attempts a ON (a.channel, a.sequence) = (before.channel, before.sequence + 1)
                WHERE before.payment_id = :lead_payment_id AND before.n = :n
                  AND a.resubmitted AND a.status = 'open'
                """
            ),
            {"lead_payment_id": batch.lead_payment_id, "n": batch.n},
        )
    ).one_or_none()
    return None if row is None else Batch(*row)
