"""Batches in the database: payments that are ready, taken together under one (channel, sequence)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.payments import payment_of
from adapters.postgres.tables import attempts, payments
from domain.attempts import AttemptStatus, SettlementRail
from domain.batches import Batch, Plan
from domain.payments import TRANSITIONS, PaymentStatus
from domain.shares import Transfer
from domain.states import sources

PAYMENTS_MAX = 1000


async def ready(connection: AsyncConnection, payment_id: str) -> None:
    """Let a payment be settled together with others, from now on."""
    await connection.execute(
        update(payments)
        .where(
            payments.c.id == payment_id,
            payments.c.gathered_at.is_(None),
            payments.c.status.in_(sources(TRANSITIONS, PaymentStatus.PREPARED)),
        )
        .values(gathered_at=func.now())
    )


_READY = text(
    """
    SELECT p.* FROM payments p
    WHERE p.gathered_at <= :before AND p.status = ANY(:preparable)
      AND NOT EXISTS (SELECT FROM shares s WHERE s.payment_id = p.id AND s.live)
    ORDER BY p.gathered_at, p.number LIMIT :limit FOR UPDATE OF p SKIP LOCKED
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


async def gather(
    connection: AsyncConnection,
    plan: Plan,
    now: datetime,
    ours: Sequence[str],
) -> Batch | None:
    """
    Take what is ready, in one transaction with the channel that will carry it.

    None when nothing is ready, or no channel is free of ours: those whose keys we hold.
    """
    channel = (await connection.execute(_CHANNEL, {"ours": ours})).one_or_none()
    if channel is None:
        return None
    rows = await connection.execute(
        _READY,
        {
            "before": plan.window_began(now),
            "preparable": sources(TRANSITIONS, PaymentStatus.PREPARED),
            "limit": PAYMENTS_MAX,
        },
    )
    ready = [payment_of(row) for row in rows.mappings()]
    transfers = plan.transfers(ready)[: plan.transfers_max]
    if not transfers:
        return None
    return await _reserve(connection, plan.rail, channel.address, channel.sequence, transfers)


_RESERVE = text(
    """
    WITH channel AS (
        UPDATE channels SET payment_id = :leader, used_at = now() WHERE address = :channel
    ), attempt AS (
        INSERT INTO attempts (payment_id, n, channel, sequence, status, rail, batched, resubmitted, riders)
        SELECT :leader, coalesce(max(n), 0) + 1, :channel, :sequence, 'open', :rail, true,
               :resubmitted, cardinality(CAST(:payment_ids AS text[]))
        FROM attempts WHERE payment_id = :leader
        RETURNING payment_id, n
    ), share AS (
        INSERT INTO shares (leader, n, payment_id, number, amount_stroops)
        SELECT a.payment_id, a.n, s.payment_id, s.number, s.amount_stroops
        FROM attempt a, unnest(
            CAST(:payment_ids AS text[]), CAST(:numbers AS bigint[]), CAST(:amounts AS bigint[])
        ) AS s (payment_id, number, amount_stroops)
    ), payment AS (
        UPDATE payments SET gathered_at = NULL WHERE id = ANY(:payment_ids)
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
    riding = [(transfer.number, share) for transfer in transfers for share in transfer.shares]
    leader = riding[0][1].payment_id
    n = await connection.scalar(
        _RESERVE,
        {
            "leader": leader,
            "channel": channel,
            "sequence": sequence + 1,
            "rail": rail,
            "resubmitted": resubmitted,
            "payment_ids": [share.payment_id for _, share in riding],
            "numbers": [number for number, _ in riding],
            "amounts": [share.amount_stroops for _, share in riding],
        },
    )
    assert isinstance(n, int)
    return Batch(leader, n, resubmitted)


async def try_again(
    connection: AsyncConnection, batch: Batch, survivors: Sequence[Transfer], ours: Sequence[str]
) -> Batch | None:
    """
    Take the survivors of a failed batch under the sequence that follows the one it consumed; the
    second time, or on a channel that is none of ours, they wait to be gathered with others instead.
    """
    payment_ids = [share.payment_id for transfer in survivors for share in transfer.shares]
    row = (
        await connection.execute(
            text(
                """
                SELECT c.address, c.sequence, a.rail, a.resubmitted FROM attempts a
                JOIN channels c ON c.address = a.channel AND c.payment_id IS NULL
                  AND NOT c.quarantined AND c.address = ANY(:ours)
                WHERE a.payment_id = :leader AND a.n = :n FOR UPDATE OF c
                """
            ),
            {"leader": batch.leader, "n": batch.n, "ours": ours},
        )
    ).one_or_none()
    if row is None or row.resubmitted or batch.resubmitted or not survivors:
        await connection.execute(
            update(payments).where(payments.c.id.in_(payment_ids)).values(gathered_at=func.now())
        )
        return None
    rail = SettlementRail(row.rail)
    return await _reserve(connection, rail, row.address, row.sequence, survivors, resubmitted=True)


async def under_way(connection: AsyncConnection) -> list[Batch]:
    """Return every batch that has not come to an end."""
    rows = await connection.execute(
        select(attempts.c.payment_id, attempts.c.n, attempts.c.resubmitted)
        .where(attempts.c.batched, attempts.c.status == AttemptStatus.OPEN)
        .order_by(attempts.c.opened_at)
    )
    return [Batch(*row) for row in rows]


async def followed(connection: AsyncConnection, batch: Batch) -> Batch | None:
    """Return the batch that the survivors of one that failed were put in, if they were."""
    row = (
        await connection.execute(
            text(
                """
                SELECT a.payment_id, a.n, a.resubmitted FROM attempts before
                JOIN attempts a ON (a.channel, a.sequence) = (before.channel, before.sequence + 1)
                WHERE before.payment_id = :leader AND before.n = :n
                  AND a.resubmitted AND a.status = 'open'
                """
            ),
            {"leader": batch.leader, "n": batch.n},
        )
    ).one_or_none()
    return None if row is None else Batch(*row)
