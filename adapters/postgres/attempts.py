"""
Channels, attempts and signed envelopes: the memory that makes a payment happen at most once.

Database constraints back the protocol: a (channel, sequence) belongs to one attempt, a payment
has at most one attempt that did not fail, a channel serves at most one payment.
"""

from dataclasses import dataclass

from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import attempts, channels, envelopes, submissions
from domain.attempts import Attempt, AttemptStatus, Envelope
from domain.errors import ChannelsBusy, TryAgain
from domain.payments import TRANSITIONS, PaymentStatus
from domain.states import sources


@dataclass(frozen=True, slots=True)
class Reservation:
    """
    A payment's hold on a (channel, sequence), with the newest bytes signed for it, if any.

    A payment that succeeded holds its pair for ever: nothing may be signed for it again.
    """

    payment_id: str
    n: int
    channel: str
    sequence: int
    envelope: Envelope | None
    succeeded: bool = False


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


_HELD = text(
    """
    SELECT a.n, a.channel, a.sequence, a.status, e.hash, e.xdr, e.fee_stroops, e.max_ledger
    FROM attempts a LEFT JOIN LATERAL (
        SELECT hash, xdr, fee_stroops, max_ledger FROM envelopes
        WHERE payment_id = a.payment_id AND n = a.n
        ORDER BY max_ledger DESC, fee_stroops DESC LIMIT 1
    ) e ON true
    WHERE a.payment_id = :payment_id AND a.status <> 'failed'
    """
)

# Taking the channel and opening the attempt is one statement, so that nothing can part them.
_RESERVE = text(
    """
    WITH free AS (
        SELECT address FROM channels
        WHERE payment_id IS NULL AND sequence IS NOT NULL AND NOT quarantined
        ORDER BY used_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
    ), held AS (
        UPDATE channels SET payment_id = :payment_id, used_at = now()
        FROM free WHERE channels.address = free.address
        RETURNING channels.address, channels.sequence
    )
    INSERT INTO attempts (payment_id, n, channel, sequence, status)
    SELECT :payment_id,
           (SELECT coalesce(max(n), 0) + 1 FROM attempts WHERE payment_id = :payment_id),
           address, sequence + 1, 'open'
    FROM held RETURNING n, channel, sequence
    """
)


async def reserve(connection: AsyncConnection, payment_id: str) -> Reservation:
    """Give a payment its (channel, sequence), the one it already holds if it holds one."""
    held = await _held(connection, payment_id)
    if held is not None:
        return held
    row = (await connection.execute(_RESERVE, {"payment_id": payment_id})).one_or_none()
    if row is None:
        raise ChannelsBusy("every channel account has a payment in flight")
    return Reservation(payment_id, row.n, row.channel, row.sequence, None)


async def _held(connection: AsyncConnection, payment_id: str) -> Reservation | None:
    row = (await connection.execute(_HELD, {"payment_id": payment_id})).one_or_none()
    if row is None:
        return None
    signed = row.hash and Envelope(row.hash, row.xdr, row.fee_stroops, row.max_ledger)
    paid = row.status == AttemptStatus.SUCCEEDED
    return Reservation(payment_id, row.n, row.channel, row.sequence, signed or None, paid)


# The attempt's ledger bound is the guard: of two runs that signed at the same time, one finds it
# changed and stores nothing. So does a run whose attempt was given back and begun elsewhere.
_STORE = text(
    """
    WITH attempt AS (
        UPDATE attempts SET max_ledger = :max_ledger
        WHERE payment_id = :payment_id AND n = :n AND status = 'open'
          AND channel = :channel AND sequence = :sequence
          AND max_ledger IS NOT DISTINCT FROM CAST(:known_max_ledger AS bigint)
        RETURNING payment_id, n
    ), envelope AS (
        INSERT INTO envelopes (hash, payment_id, n, xdr, fee_stroops, max_ledger)
        SELECT :hash, payment_id, n, :xdr, :fee_stroops, :max_ledger FROM attempt
    ), payment AS (
        UPDATE payments SET status = 'prepared', parked_reason = NULL FROM attempt
        WHERE payments.id = attempt.payment_id AND payments.status = ANY(:preparable)
    )
    SELECT count(*) FROM attempt
    """
)


async def store(connection: AsyncConnection, held: Reservation, envelope: Envelope) -> Envelope:
    """
    Keep signed bytes before the first of them leaves the process; the payment is prepared.

    When another run of the same step stored bytes meanwhile, those are answered and these are
    dropped: only stored bytes are ever sent.
    """
    stored = await connection.scalar(
        _STORE,
        {
            "hash": envelope.hash,
            "payment_id": held.payment_id,
            "n": held.n,
            "channel": held.channel,
            "sequence": held.sequence,
            "xdr": envelope.xdr,
            "fee_stroops": envelope.fee_stroops,
            "max_ledger": envelope.max_ledger,
            "known_max_ledger": held.envelope.max_ledger if held.envelope else None,
            "preparable": sources(TRANSITIONS, PaymentStatus.PREPARED),
        },
    )
    if stored:
        return envelope
    now = await _held(connection, held.payment_id)
    if now is None or now.envelope is None or _pair(now) != _pair(held):
        raise TryAgain(f"payment {held.payment_id} has moved on; look again")
    return now.envelope


def _pair(held: Reservation) -> tuple[str, int]:
    return held.channel, held.sequence


async def hashes(connection: AsyncConnection, payment_id: str, n: int) -> list[str]:
    """Return every hash ever signed for an attempt, newest first."""
    rows = await connection.execute(
        select(envelopes.c.hash)
        .where(envelopes.c.payment_id == payment_id, envelopes.c.n == n)
        .order_by(envelopes.c.max_ledger.desc())
    )
    return list(rows.scalars())


_SUBMITTED = text(
    """
    WITH submission AS (INSERT INTO submissions (hash, answer) VALUES (:hash, :answer))
    UPDATE payments SET status = 'submitted'
    WHERE id = :payment_id AND status = ANY(:submittable)
    """
)


async def note_submission(connection: AsyncConnection, attempt: Attempt, answer: str) -> None:
    """Record what a send was answered; the payment is submitted from the first one on."""
    await connection.execute(
        _SUBMITTED,
        {
            "hash": attempt.hash,
            "answer": answer,
            "payment_id": attempt.payment_id,
            "submittable": sources(TRANSITIONS, PaymentStatus.SUBMITTED),
        },
    )


_FINISH = text(
    """
    WITH attempt AS (
        UPDATE attempts SET status = :status, reason = :reason
        WHERE payment_id = :payment_id AND n = :n AND status = 'open'
        RETURNING payment_id, channel, sequence
    )
    UPDATE channels SET payment_id = NULL, sequence = attempt.sequence
    FROM attempt
    WHERE channels.address = attempt.channel AND channels.payment_id = attempt.payment_id
    """
)


async def finish(
    connection: AsyncConnection, attempt: Attempt, status: AttemptStatus, reason: str = ""
) -> None:
    """The network consumed the sequence: close the attempt and free its channel."""
    await connection.execute(
        _FINISH,
        {
            "status": status,
            "reason": reason or None,
            "payment_id": attempt.payment_id,
            "n": attempt.n,
        },
    )


_RELEASE = text(
    """
    WITH attempt AS (
        DELETE FROM attempts
        WHERE payment_id = :payment_id AND n = :n AND status = 'open'
          AND channel = :channel AND max_ledger IS NULL
        RETURNING payment_id, channel
    )
    UPDATE channels SET payment_id = NULL FROM attempt
    WHERE channels.address = attempt.channel AND channels.payment_id = attempt.payment_id
    """
)


async def release(connection: AsyncConnection, held: Reservation) -> None:
    """
    Give the channel back, unless bytes were stored for its sequence meanwhile: those may be on
    their way, and keep their channel until the sequence is consumed.
    """
    await connection.execute(
        _RELEASE, {"payment_id": held.payment_id, "n": held.n, "channel": held.channel}
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
