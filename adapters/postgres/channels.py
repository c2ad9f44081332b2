"""Channels for operators: who holds each, and the release of one that was in quarantine."""

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import attempts, audit, envelopes, events, ledger, payments
from adapters.postgres.shares import riding
from adapters.postgres.tables import channels, shares
from adapters.postgres.tables import payments as owed
from domain.attempts import Attempt, AttemptStatus
from domain.batches import Batch
from domain.channels import RELEASED, Channel, Held, Reading, Release, Trace, lives
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
    " AND sequence IN (:sequence, :sequence - 1) ORDER BY sequence DESC, opened_at DESC"
)


async def held(connection: AsyncConnection, address: str) -> Held | None:
    """Return the attempt that a channel serves, with every inner hash ever signed for it."""
    row = (await connection.execute(_OPEN, {"channel": address})).one_or_none()
    if row is None:
        return None
    found = await attempts.reserved(connection, row.payment_id, row.n)
    assert found is not None
    riders = await connection.scalars(
        select(shares.c.payment_id).where(
            shares.c.leader == found.payment_id, shares.c.n == found.n, shares.c.live
        )
    )
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
        sorted(await envelopes.outer_hashes(connection, found.payment_id, found.n)),
        [Batch(*row) for row in batches],
        sorted(riders),
    )


_BATCHES_RELEASED = text(
    """
    SELECT payment_id, n, resubmitted FROM attempts a
    WHERE channel = :channel AND batched AND status = 'failed' AND EXISTS (
        SELECT FROM shares s
        WHERE s.leader = a.payment_id AND s.n = a.n AND s.payment_id = ANY(:payments)
    )
    """
)


async def released(connection: AsyncConnection, address: str) -> list[str]:
    """Return the lives that the last release of a channel let go on, and that may not have heard."""
    trail = await audit.trail(connection, f"channel/{address}")
    served = [leaf["evidence"]["payments"] for leaf in trail if leaf["action"] == RELEASED]
    unpaid = await connection.scalars(
        select(owed.c.id)
        .where(owed.c.id.in_(served[-1] if served else []))
        .where(owed.c.status != PaymentStatus.CONFIRMED)
        .order_by(owed.c.id)
    )
    waiting = list(unpaid)
    rows = await connection.execute(_BATCHES_RELEASED, {"channel": address, "payments": waiting})
    return lives([Batch(*row) for row in rows], waiting)


# The bytes of the attempt, whatever they moved; and money from a treasury that bears the number of a
# transfer riding in it, whoever signed for that.
_READING = text(
    """
    WITH trace AS (
        SELECT t.transaction_hash, t.ledger, true AS ours
        FROM envelopes e
        JOIN chain_transfers t ON t.transaction_hash IN (e.hash, e.inner_hash)
        WHERE e.payment_id = :leader AND e.n = :n
        UNION ALL
        SELECT t.transaction_hash, t.ledger, false
        FROM shares s JOIN payments p ON p.id = s.payment_id
        JOIN chain_transfers t ON t.number = s.number AND t.from_address = p.from_address
        WHERE s.leader = :leader AND s.n = :n AND s.live
        ORDER BY ours DESC, ledger LIMIT 1
    )
    SELECT coalesce(c.first_ledger <= :first AND c.ledger >= :last, false) AND NOT EXISTS (
               SELECT FROM chain_gaps g WHERE g.first_ledger <= :last AND g.last_ledger >= :first
           ) AS complete,
           coalesce(c.ledger, 0) AS read_to, trace.*
    FROM (SELECT) AS one LEFT JOIN chain_cursor c ON true LEFT JOIN trace ON true
    """
)


async def reading(connection: AsyncConnection, held: Held, first: int, last: int) -> Reading:
    """Return what reconciliation has read of an attempt, and whether it has read those ledgers."""
    name = {"leader": held.attempt.payment_id, "n": held.attempt.n}
    row = (await connection.execute(_READING, name | {"first": first, "last": last})).one()
    trace = row.transaction_hash and Trace(row.transaction_hash, row.ledger, row.ours)
    return Reading(first, last, row.complete, row.read_to, trace or None)


async def release(connection: AsyncConnection, given: Release, served: Held | None) -> None:
    """
    End the attempt, let its payments begin anew, and use the channel again unless it is retired:
    all or nothing.

    Only of what was proven: refused when anything else was signed, or left, in the meantime.
    """
    await _lock(connection, given, served)
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
        .values(sequence=given.sequence, quarantined=given.retired)
    )
    if released.rowcount != 1:
        raise Conflict(f"channel {given.channel} is not in quarantine, or serves a payment")
    if served is not None:
        await payments.move_all(connection, served.payments, PaymentStatus.PENDING)
        await ledger.book_many(connection, given_back)
    await events.publish(connection, given.leaf(served))


_LOCK = text(
    "SELECT FROM attempts WHERE payment_id = :leader AND n = :n AND channel = :channel FOR UPDATE"
)


async def _lock(connection: AsyncConnection, given: Release, served: Held | None) -> None:
    """
    Let nobody sign on the channel any more, and make sure that nobody has since it was looked at.

    A proof takes its time, and the life of the payment may have been told to go on: it then signs
    again for the same sequence, and those bytes are not the ones that were proven dead.
    """
    if served is not None:
        this = {"leader": served.attempt.payment_id, "n": served.attempt.n}
        await connection.execute(_LOCK, this | {"channel": given.channel})
    if await held(connection, given.channel) != served:
        raise Conflict(f"channel {given.channel} has moved on meanwhile; look again")


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
