"""Channels in the database: which payment each serves, and how one enters and leaves quarantine."""

from collections.abc import Sequence

from sqlalchemy import case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement import attempts, envelopes
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import allocations, channels
from adapters.postgres.tables import payments as owed
from domain.errors import Conflict, NotFound
from domain.settlement.attempts import Attempt
from domain.settlement.batches import Batch
from domain.settlement.channels import (
    Channel,
    ChannelRelease,
    QuarantinedAttempt,
    QueuePosition,
    list_workflow_ids,
)
from domain.settlement.payments import PaymentStatus

_COLUMNS = (
    channels.c.address,
    channels.c.sequence,
    channels.c.payment_id,
    channels.c.quarantined,
)


async def list_all(connection: AsyncConnection) -> list[Channel]:
    """Return every channel in the database."""
    rows = await connection.execute(select(*_COLUMNS).order_by(channels.c.address))
    return [Channel(*row) for row in rows]


async def get(connection: AsyncConnection, address: str) -> Channel:
    row = (
        await connection.execute(select(*_COLUMNS).where(channels.c.address == address))
    ).one_or_none()
    if row is None:
        raise NotFound(f"the database has no channel {address}")
    return Channel(*row)


async def save(connection: AsyncConnection, sequences: dict[str, int]) -> None:
    """
    Save these channel accounts, each with the last sequence that the network has consumed.

    The sequence of a channel in use is not changed: the end of its attempt sets it.
    """
    for address, sequence in sequences.items():
        statement = insert(channels).values(
            address=address, sequence=sequence, read_sequence=sequence
        )
        free = channels.c.payment_id.is_(None)
        highest = func.greatest(channels.c.sequence, sequence)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["address"],
                set_={
                    "sequence": case((free, highest), else_=channels.c.sequence),
                    "read_sequence": func.greatest(channels.c.read_sequence, sequence),
                },
                where=func.coalesce(channels.c.read_sequence, -1) < sequence,
            )
        )


_RELEASE_OUTRUN = text(
    """
    WITH attempt AS (
        DELETE FROM attempts USING channels c
        WHERE c.address = attempts.channel AND attempts.status = 'open' AND attempts.max_ledger IS NULL
          AND attempts.sequence <= c.read_sequence
        RETURNING attempts.payment_id, attempts.n, attempts.channel, attempts.batched
    ), allocation AS (
        DELETE FROM allocations s USING attempt
        WHERE s.lead_payment_id = attempt.payment_id AND s.n = attempt.n
        RETURNING s.payment_id, attempt.batched
    ), ready AS (
        UPDATE payments SET batch_ready_at = now() FROM allocation
        WHERE payments.id = allocation.payment_id AND allocation.batched
    )
    UPDATE channels SET payment_id = NULL, sequence = read_sequence FROM attempt
    WHERE channels.address = attempt.channel AND channels.payment_id = attempt.payment_id
    """
)


async def release_outrun(connection: AsyncConnection) -> None:
    """Release the attempts for which nothing is signed and whose sequence the network has consumed."""
    await connection.execute(_RELEASE_OUTRUN)


_SET_BACK = text(
    """
    WITH free AS (
        SELECT address, sequence FROM channels
        WHERE address = :address AND payment_id IS NULL AND sequence > :reached FOR UPDATE
    ), beyond AS (
        SELECT count(*) FILTER (WHERE a.status <> 'failed' OR a.max_ledger - 1 > :ledger) AS alive
        FROM free LEFT JOIN attempts a ON a.channel = free.address AND a.sequence > :reached
             AND NOT a.sequence_unused
    ), unused AS (
        UPDATE attempts SET sequence_unused = true FROM free, beyond
        WHERE attempts.channel = free.address AND attempts.sequence > :reached AND beyond.alive = 0
    )
    UPDATE channels SET sequence = :reached FROM free, beyond
    WHERE channels.address = free.address AND beyond.alive = 0
    """
)


async def set_back(connection: AsyncConnection, address: str, reached: int, ledger: int) -> bool:
    """
    Set a free channel back to the sequence that the network has reached, as of a ledger.

    False when it serves a payment, is not ahead, or when bytes of ours beyond that sequence count as
    applied, are open, or may still be.
    """
    row = {"address": address, "reached": reached, "ledger": ledger}
    return (await connection.execute(_SET_BACK, row)).rowcount == 1


_QUEUE_POSITION = text(
    """
    SELECT (SELECT count(*) FROM payments p
            WHERE p.status = 'pending' AND p.queue_number < (
                SELECT queue_number FROM payments WHERE id = :payment_id
            ) AND NOT EXISTS (
                SELECT FROM allocations s WHERE s.payment_id = p.id AND s.live
            )) AS ahead,
           (SELECT count(*) FROM channels
            WHERE address = ANY(:ours) AND sequence IS NOT NULL AND NOT quarantined) AS channels
    """
)


async def get_queue_position(
    connection: AsyncConnection, payment_id: str, ours: Sequence[str]
) -> QueuePosition:
    """Return how many payments wait before one without a channel, and how many channels there are."""
    row = (
        await connection.execute(_QUEUE_POSITION, {"payment_id": payment_id, "ours": ours})
    ).one()
    return QueuePosition(row.ahead, row.channels)


_OPEN_ATTEMPT = text(
    "SELECT payment_id, n FROM attempts WHERE channel = :channel AND status = 'open'"
    " ORDER BY sequence DESC LIMIT 1"
)

_BATCHES = text(
    "SELECT payment_id, n, resubmitted FROM attempts WHERE channel = :channel AND batched"
    " AND sequence IN (:sequence, :sequence - 1) ORDER BY sequence DESC, opened_at DESC"
)


async def get_quarantined_attempt(
    connection: AsyncConnection, address: str
) -> QuarantinedAttempt | None:
    """Return the attempt that a channel serves, with every inner hash ever signed for it."""
    row = (await connection.execute(_OPEN_ATTEMPT, {"channel": address})).one_or_none()
    if row is None:
        return None
    found = await attempts.get_attempt(connection, row.payment_id, row.n)
    assert found is not None
    members = await connection.execute(
        select(owed)
        .join(allocations, allocations.c.payment_id == owed.c.id)
        .where(allocations.c.lead_payment_id == found.payment_id, allocations.c.n == found.n)
        .where(allocations.c.live)
        .order_by(owed.c.id)
    )
    served = [to_payment(row) for row in members.mappings()]
    signed = found.envelope
    attempt = Attempt(
        found.payment_id,
        found.n,
        found.channel,
        found.sequence,
        signed.max_ledger if signed else 0,
        signed.inner_hash if signed else "",
        signed.xdr if signed else "",
        True,
        signed.hash if signed else "",
    )
    hashes = await envelopes.list_inner_hashes(connection, found.payment_id, found.n)
    batches = await connection.execute(_BATCHES, {"channel": address, "sequence": found.sequence})
    return QuarantinedAttempt(
        attempt,
        hashes,
        sorted(await envelopes.list_outer_hashes(connection, found.payment_id, found.n)),
        [Batch(*row) for row in batches],
        [each.id for each in served],
        [each.workflow_id for each in served],
    )


_RELEASED_BATCHES = text(
    """
    SELECT payment_id, n, resubmitted FROM attempts a
    WHERE channel = :channel AND batched AND status = 'failed' AND EXISTS (
        SELECT FROM allocations s
        WHERE s.lead_payment_id = a.payment_id AND s.n = a.n AND s.payment_id = ANY(:payments)
    )
    """
)


async def list_waiting_workflows(
    connection: AsyncConnection, address: str, served: Sequence[str]
) -> list[str]:
    """Return the ids of the workflows that wait for a channel's release, given what it served."""
    unpaid = await connection.execute(
        select(owed)
        .where(owed.c.id.in_(served))
        .where(owed.c.status.not_in([PaymentStatus.CONFIRMED, PaymentStatus.VOIDED]))
        .order_by(owed.c.id)
    )
    left = [to_payment(row) for row in unpaid.mappings()]
    which = {"channel": address, "payments": [each.id for each in left]}
    rows = await connection.execute(_RELEASED_BATCHES, which)
    return list_workflow_ids([Batch(*row) for row in rows], [each.workflow_id for each in left])


_LOCK = text(
    "SELECT FROM attempts WHERE payment_id = :lead_payment_id AND n = :n AND channel = :channel FOR UPDATE"
)


async def lock(
    connection: AsyncConnection, address: str, served: QuarantinedAttempt | None
) -> None:
    """
    Lock the channel's attempt, so that nobody signs on it, and check that nobody has since it was read.

    A proof takes time, and the payment's workflow may have been resumed meanwhile: it then signs again
    for the same sequence, and those bytes are not the ones that were proven to be expired.
    Raises Conflict when the attempt has changed.
    """
    if served is not None:
        key = {"lead_payment_id": served.attempt.payment_id, "n": served.attempt.n}
        await connection.execute(_LOCK, key | {"channel": address})
    if await get_quarantined_attempt(connection, address) != served:
        raise Conflict(f"channel {address} was changed by another process meanwhile; read it again")


async def release(connection: AsyncConnection, given: ChannelRelease) -> None:
    """
    Take a channel that serves no payment out of quarantine, unless it is retired.

    Raises Conflict when it is not in quarantine, or serves a payment.
    """
    released = await connection.execute(
        update(channels)
        .where(
            channels.c.address == given.channel,
            channels.c.quarantined,
            channels.c.payment_id.is_(None),
        )
        .values(sequence=given.sequence, quarantined=given.retired)
    )
    if released.rowcount != 1:
        raise Conflict(f"channel {given.channel} is not in quarantine, or serves a payment")


_LOCK_OPEN = text(
    """
    SELECT 1 FROM attempts
    WHERE payment_id = :payment_id AND n = :n AND channel = :channel AND sequence = :sequence AND status = 'open'
    FOR UPDATE
    """
)


async def quarantine(connection: AsyncConnection, attempt: Attempt) -> bool:
    """
    Put the channel of an attempt in quarantine, until a person releases it.

    False when the attempt has ended, for example because a person released it: its channel may serve
    another attempt by now.
    """
    named = {"payment_id": attempt.payment_id, "n": attempt.n, "channel": attempt.channel}
    named["sequence"] = attempt.sequence
    if (await connection.execute(_LOCK_OPEN, named)).one_or_none() is None:
        return False
    await connection.execute(
        update(channels).where(channels.c.address == attempt.channel).values(quarantined=True)
    )
    return True
