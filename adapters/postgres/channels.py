"""Channels for operators: who holds each, and the release of one that was in quarantine."""

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import attempts, envelopes, events, ledger, payments
from adapters.postgres.shares import riding
from adapters.postgres.tables import channels, shares
from domain.attempts import Attempt, AttemptStatus
from domain.batches import Batch
from domain.channels import Channel, Held, Release
from domain.errors import Conflict, NotFound
from domain.ledger import Entry, unspent
from domain.payments import PaymentStatus

_COLUMNS = (
    channels.c.address,
    channels.c.sequence,
    channels.c.payment_id,
    channels.c.quarantined,
)


async def listed(connection: AsyncConnection) -> list[Channel]:
    """Return every channel the book knows."""
    rows = await connection.execute(select(*_COLUMNS).order_by(channels.c.address))
    return [Channel(*row) for row in rows]


async def get(connection: AsyncConnection, address: str) -> Channel:
    row = (
        await connection.execute(select(*_COLUMNS).where(channels.c.address == address))
    ).one_or_none()
    if row is None:
        raise NotFound(f"the book knows no channel {address}")
    return Channel(*row)


_OPEN = text(
    "SELECT payment_id, n FROM attempts WHERE channel = :channel AND status = 'open'"
    " ORDER BY sequence DESC LIMIT 1"
)

_BATCHES = text(
    "SELECT payment_id, n, resubmitted FROM attempts WHERE channel = :channel AND batched"
    " AND sequence IN (:sequence, :sequence - 1) ORDER BY sequence DESC"
)


async def held(connection: AsyncConnection, address: str) -> Held | None:
    """Return the attempt that a channel serves, with every inner hash ever signed for it."""
    row = (await connection.execute(_OPEN, {"channel": address})).one_or_none()
    if row is None:
        return None
    found = await attempts.reserved(connection, row.payment_id, row.n)
    assert found is not None
    rows = await connection.execute(
        select(shares.c.payment_id, shares.c.number).where(
            shares.c.leader == found.payment_id, shares.c.n == found.n, shares.c.live
        )
    )
    riders = {row.payment_id: row.number for row in rows}
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
    hashes = await envelopes.hashes(connection, found.payment_id, found.n)
    batches = await connection.execute(_BATCHES, {"channel": address, "sequence": found.sequence})
    return Held(
        attempt,
        hashes,
        await envelopes.outer_hashes(connection, found.payment_id, found.n),
        sorted(set(riders.values())),
        [Batch(*row) for row in batches],
        sorted(riders),
    )


_UNCHANGED = text(
    """
    SELECT 1 FROM attempts
    WHERE payment_id = :payment_id AND n = :n AND status = 'open'
      AND coalesce(max_ledger, 0) = :max_ledger FOR UPDATE
    """
)


async def release(connection: AsyncConnection, given: Release, served: Held | None) -> None:
    """
    End the attempt, let its payments begin anew, and use the channel again: all or nothing.

    Only what was proven is ended: bytes signed on the pair since then may still land.
    """
    if served is not None:
        attempt = served.attempt
        proven = {"payment_id": attempt.payment_id, "n": attempt.n}
        proven["max_ledger"] = attempt.max_ledger
        if (await connection.execute(_UNCHANGED, proven)).one_or_none() is None:
            raise Conflict(f"channel {given.channel} has moved on meanwhile; look again")
    given_back = [] if served is None else await _given_back(connection, served)
    if served is not None and not await attempts.finish(
        connection, served.attempt, AttemptStatus.FAILED, given.proof
    ):
        raise Conflict(f"channel {given.channel} has moved on meanwhile; look again")
    if served is not None and given.sequence < served.attempt.sequence:
        await attempts.leave_sequence(connection, served.attempt)
    released = await connection.execute(
        update(channels)
        .where(
            channels.c.address == given.channel,
            channels.c.quarantined,
            channels.c.payment_id.is_(None),
        )
        .values(sequence=given.sequence, quarantined=False)
    )
    if released.rowcount != 1:
        raise Conflict(f"channel {given.channel} is not in quarantine, or serves a payment")
    if served is not None:
        await payments.move_all(
            connection, served.payments, PaymentStatus.PENDING, parked_reason=None
        )
        await ledger.book_many(connection, given_back)
    await events.publish(connection, given.leaf(served))


async def _given_back(connection: AsyncConnection, served: Held) -> list[Entry]:
    """What the book had reserved for the attempt: nothing before bytes were signed for it."""
    if not served.hashes:
        return []
    attempt = served.attempt
    riders, _ = await riding(connection, Batch(attempt.payment_id, attempt.n))
    return [
        entry
        for rider in riders.values()
        for entry in unspent(rider, attempt.n, attempt.payment_id)
    ]
