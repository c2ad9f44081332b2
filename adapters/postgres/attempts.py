"""
Channels, attempts and signed envelopes: the memory that makes a payment happen at most once.

Database constraints back the protocol: a (channel, sequence) belongs to one attempt, a payment
has at most one open attempt, a channel serves at most one payment.
"""

from dataclasses import dataclass

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import attempts, channels, envelopes, submissions
from domain.attempts import Attempt, AttemptStatus, Envelope
from domain.errors import ChannelsBusy


@dataclass(frozen=True, slots=True)
class Reservation:
    """A payment's hold on a (channel, sequence), with the newest bytes signed for it, if any."""

    payment_id: str
    n: int
    channel: str
    sequence: int
    envelope: Envelope | None


async def keep_channels(connection: AsyncConnection, sequences: dict[str, int]) -> None:
    """
    Know these channel accounts, and how far the network has consumed each one's sequence.

    A channel in use is left alone: its attempt, not this reading, will tell how it ends.
    """
    for address, sequence in sequences.items():
        statement = insert(channels).values(address=address, sequence=sequence)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["address"],
                set_={"sequence": sequence},
                where=channels.c.payment_id.is_(None)
                & (func.coalesce(channels.c.sequence, -1) < sequence),
            )
        )


async def reserve(connection: AsyncConnection, payment_id: str) -> Reservation:
    """Give a payment its (channel, sequence), the one it already holds if it holds one."""
    held = await _open_attempt(connection, payment_id)
    if held is not None:
        return Reservation(
            payment_id,
            held["n"],
            held["channel"],
            held["sequence"],
            await _newest_envelope(connection, payment_id, held["n"]),
        )
    rows = await connection.execute(
        select(channels.c.address, channels.c.sequence)
        .where(
            channels.c.payment_id.is_(None),
            channels.c.sequence.is_not(None),
            channels.c.quarantined.is_(False),
        )
        .order_by(channels.c.used_at.asc().nulls_first())
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    free = rows.one_or_none()
    if free is None:
        raise ChannelsBusy("every channel account has a payment in flight")
    n = await _next_attempt(connection, payment_id)
    await connection.execute(
        update(channels)
        .where(channels.c.address == free.address)
        .values(payment_id=payment_id, used_at=func.now())
    )
    await connection.execute(
        insert(attempts).values(
            payment_id=payment_id,
            n=n,
            channel=free.address,
            sequence=free.sequence + 1,
            status=AttemptStatus.OPEN,
        )
    )
    return Reservation(payment_id, n, free.address, free.sequence + 1, None)


async def _open_attempt(connection: AsyncConnection, payment_id: str) -> RowMapping | None:
    rows = await connection.execute(
        select(attempts)
        .where(attempts.c.payment_id == payment_id, attempts.c.status == AttemptStatus.OPEN)
        .with_for_update()
    )
    return rows.mappings().one_or_none()


async def _newest_envelope(connection: AsyncConnection, payment_id: str, n: int) -> Envelope | None:
    rows = await connection.execute(
        select(envelopes)
        .where(envelopes.c.payment_id == payment_id, envelopes.c.n == n)
        .order_by(envelopes.c.max_ledger.desc(), envelopes.c.fee_stroops.desc())
        .limit(1)
    )
    row = rows.one_or_none()
    return None if row is None else Envelope(row.hash, row.xdr, row.fee_stroops, row.max_ledger)


async def _next_attempt(connection: AsyncConnection, payment_id: str) -> int:
    newest = await connection.scalar(
        select(func.max(attempts.c.n)).where(attempts.c.payment_id == payment_id)
    )
    return (newest or 0) + 1


async def store(connection: AsyncConnection, held: Reservation, envelope: Envelope) -> Envelope:
    """
    Keep signed bytes before the first of them leaves the process.

    When another run of the same step stored bytes meanwhile, those are answered and these are
    dropped: only stored bytes are ever sent.
    """
    await _open_attempt(connection, held.payment_id)  # one writer at a time
    newest = await _newest_envelope(connection, held.payment_id, held.n)
    known = held.envelope
    if newest is not None and (known is None or newest.hash != known.hash):
        return newest
    await connection.execute(
        insert(envelopes).values(
            hash=envelope.hash,
            payment_id=held.payment_id,
            n=held.n,
            xdr=envelope.xdr,
            fee_stroops=envelope.fee_stroops,
            max_ledger=envelope.max_ledger,
        )
    )
    await connection.execute(
        update(attempts)
        .where(attempts.c.payment_id == held.payment_id, attempts.c.n == held.n)
        .values(max_ledger=func.greatest(attempts.c.max_ledger, envelope.max_ledger))
    )
    return envelope


async def hashes(connection: AsyncConnection, payment_id: str, n: int) -> list[str]:
    """Return every hash ever signed for an attempt, newest first."""
    rows = await connection.execute(
        select(envelopes.c.hash)
        .where(envelopes.c.payment_id == payment_id, envelopes.c.n == n)
        .order_by(envelopes.c.max_ledger.desc())
    )
    return list(rows.scalars())


async def note_submission(connection: AsyncConnection, hash_: str, answer: str) -> None:
    await connection.execute(insert(submissions).values(hash=hash_, answer=answer))


async def finish(
    connection: AsyncConnection, attempt: Attempt, status: AttemptStatus, reason: str = ""
) -> bool:
    """The network consumed the sequence: close the attempt and free its channel."""
    result = await connection.execute(
        update(attempts)
        .where(
            attempts.c.payment_id == attempt.payment_id,
            attempts.c.n == attempt.n,
            attempts.c.status == AttemptStatus.OPEN,
        )
        .values(status=status, reason=reason or None)
    )
    if result.rowcount == 0:
        return False
    await connection.execute(
        update(channels)
        .where(channels.c.address == attempt.channel, channels.c.payment_id == attempt.payment_id)
        .values(payment_id=None, sequence=attempt.sequence)
    )
    return True


async def release(connection: AsyncConnection, held: Reservation) -> None:
    """Give the channel back when nothing was ever signed for its sequence."""
    assert held.envelope is None, "signed bytes keep their channel until the sequence is consumed"
    await connection.execute(
        update(channels)
        .where(channels.c.address == held.channel, channels.c.payment_id == held.payment_id)
        .values(payment_id=None)
    )
    await connection.execute(
        attempts.delete().where(attempts.c.payment_id == held.payment_id, attempts.c.n == held.n)
    )


async def quarantine(connection: AsyncConnection, channel: str) -> None:
    """Never use this channel again until a person has looked."""
    await connection.execute(
        update(channels).where(channels.c.address == channel).values(quarantined=True)
    )


async def story(connection: AsyncConnection, payment_id: str) -> list[RowMapping]:
    """Return every attempt with its envelopes and the answers to each send, oldest first."""
    rows = await connection.execute(
        select(
            attempts.c.n,
            attempts.c.channel,
            attempts.c.sequence,
            attempts.c.status,
            attempts.c.reason,
            envelopes.c.hash,
            envelopes.c.max_ledger,
            envelopes.c.fee_stroops,
            submissions.c.answer,
            submissions.c.sent_at,
        )
        .select_from(
            attempts.outerjoin(
                envelopes,
                (envelopes.c.payment_id == attempts.c.payment_id) & (envelopes.c.n == attempts.c.n),
            ).outerjoin(submissions, submissions.c.hash == envelopes.c.hash)
        )
        .where(attempts.c.payment_id == payment_id)
        .order_by(attempts.c.n, envelopes.c.max_ledger, submissions.c.id)
    )
    return list(rows.mappings())
