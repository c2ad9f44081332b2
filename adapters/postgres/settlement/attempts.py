"""
Channels and attempts in the database: the records that make a payment happen at most once.

Database constraints enforce the protocol: a (channel, sequence) belongs to one attempt, except where
a person released an attempt whose bytes can never enter a ledger; a payment is a member of at most
one attempt that did not fail; a channel serves at most one attempt.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import TextClause, func, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import attempts, channels
from domain.errors import NotFound, TryAgain
from domain.reasons import ReasonCode
from domain.settlement.attempts import Attempt, AttemptStatus
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import PaymentStatus

_ONE_LIVE = "uq_attempts_one_live"


@dataclass(frozen=True, slots=True)
class Reservation:
    """
    The (channel, sequence) that a payment has reserved, with the newest bytes signed for it, if any.

    A payment that succeeded keeps its pair for ever: nothing may be signed for it again. In a
    batch, `payment_id` is the lead payment.
    """

    payment_id: str
    n: int
    channel: str
    sequence: int
    envelope: Envelope | None
    succeeded: bool = False
    batched: bool = False
    members: int = 1


def make_attempt(reserved: Reservation, envelope: Envelope, *, resumed: bool) -> Attempt:
    """Return the attempt of a reservation and the bytes stored for it."""
    return Attempt(
        reserved.payment_id,
        reserved.n,
        reserved.channel,
        reserved.sequence,
        envelope.max_ledger,
        envelope.inner_hash,
        envelope.xdr,
        resumed,
        envelope.hash,
        envelope.noop_reason,
        envelope.noop_reason_code,
    )


_ATTEMPT = """
    SELECT a.payment_id, a.n, a.channel, a.sequence, a.status, a.batched, a.members,
           e.hash, e.xdr, e.fee_stroops, e.max_ledger, e.inner_hash,
           e.noop_reason, e.noop_reason_code
    FROM {found} LEFT JOIN LATERAL (
        SELECT hash, xdr, fee_stroops, max_ledger, inner_hash, noop_reason, noop_reason_code
        FROM envelopes
        WHERE payment_id = a.payment_id AND n = a.n
        ORDER BY max_ledger DESC, fee_stroops DESC LIMIT 1
    ) e ON true
    WHERE a.status <> 'failed' AND {wanted}
"""
_RESERVATION = text(
    _ATTEMPT.format(
        found="allocations s JOIN attempts a ON a.payment_id = s.lead_payment_id AND a.n = s.n",
        wanted="s.payment_id = :payment_id AND s.live",
    )
)
_RESERVED = text(
    _ATTEMPT.format(found="attempts a", wanted="a.payment_id = :lead_payment_id AND a.n = :n")
)

# One statement takes the channel and opens the attempt, so that neither happens without the other; it does neither
# for a payment that is a member of an attempt already.
_RESERVE = text(
    """
    WITH free AS (
        SELECT address FROM channels
        WHERE address = ANY(:ours)
          AND payment_id IS NULL AND sequence IS NOT NULL AND NOT quarantined
          AND NOT EXISTS (
              SELECT FROM allocations s JOIN attempts a ON a.payment_id = s.lead_payment_id AND a.n = s.n
              WHERE s.payment_id = :payment_id AND s.live AND a.status <> 'failed'
          )
        ORDER BY used_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
    ), held AS (
        UPDATE channels SET payment_id = :payment_id, used_at = now()
        FROM free WHERE channels.address = free.address
        RETURNING channels.address, channels.sequence
    ), attempt AS (
        INSERT INTO attempts (payment_id, n, channel, sequence, status)
        SELECT :payment_id,
               (SELECT coalesce(max(n), 0) + 1 FROM attempts WHERE payment_id = :payment_id),
               address, sequence + 1, 'open'
        FROM held RETURNING payment_id, n, channel, sequence
    ), allocation AS (
        INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops)
        SELECT p.id, a.n, p.id, p.number, p.amount_stroops
        FROM attempt a JOIN payments p ON p.id = a.payment_id
    )
    SELECT n, channel, sequence FROM attempt
    """
)


async def reserve(
    connection: AsyncConnection, payment_id: str, ours: Sequence[str]
) -> Reservation | None:
    """
    Reserve a (channel, sequence) for a payment, or return the one that it has reserved already.

    `ours` are the channels whose keys this worker has; None when each of them serves another payment.
    Raises TryAgain when another process has reserved one for it at this moment.
    """
    try:
        rows = await connection.execute(_RESERVE, {"payment_id": payment_id, "ours": ours})
    except IntegrityError as error:
        # At the same moment, before either is seen: by the number of the attempt, or as the live one.
        if any(f'"{name}"' in str(error.orig) for name in (_ONE_LIVE, "pk_attempts")):
            raise TryAgain(
                f"payment {payment_id} is reserved a channel by somebody else"
            ) from error
        raise
    row = rows.one_or_none()
    if row is None:
        return await get_reservation(connection, payment_id)
    return Reservation(payment_id, row.n, row.channel, row.sequence, None)


async def get_reservation(connection: AsyncConnection, payment_id: str) -> Reservation | None:
    """Return the attempt that a payment is a member of, alone or in a batch, unless it has failed."""
    return await _load_reservation(connection, _RESERVATION, {"payment_id": payment_id})


async def get_attempt(
    connection: AsyncConnection, lead_payment_id: str, n: int
) -> Reservation | None:
    """Return the attempt with this lead payment and number, unless it failed or was released."""
    return await _load_reservation(
        connection, _RESERVED, {"lead_payment_id": lead_payment_id, "n": n}
    )


async def _load_reservation(
    connection: AsyncConnection, statement: TextClause, wanted: dict[str, object]
) -> Reservation | None:
    row = (await connection.execute(statement, wanted)).one_or_none()
    if row is None:
        return None
    signed = row.hash and Envelope(
        row.hash,
        row.xdr,
        row.fee_stroops,
        row.max_ledger,
        row.inner_hash,
        row.noop_reason,
        ReasonCode(row.noop_reason_code) if row.noop_reason_code else None,
    )
    return Reservation(
        row.payment_id,
        row.n,
        row.channel,
        row.sequence,
        signed or None,
        row.status == AttemptStatus.SUCCEEDED,
        row.batched,
        row.members,
    )


_SUBMITTED = PaymentStatus.SUBMITTED
_FINISH = """
    WITH attempt AS (
        UPDATE attempts SET {finished}, reason = :reason
        WHERE payment_id = :payment_id AND n = :n AND channel = :channel AND sequence = :sequence AND {unfinished}
        RETURNING payment_id, n, channel, sequence, status
    ), sent AS (
        UPDATE payments SET {submitted} FROM attempt JOIN allocations
            ON (allocations.lead_payment_id, allocations.n) = (attempt.payment_id, attempt.n) AND allocations.live
        WHERE payments.id = allocations.payment_id AND {signed}
    ), dead AS (
        UPDATE allocations SET live = false FROM attempt
        WHERE allocations.lead_payment_id = attempt.payment_id AND allocations.n = attempt.n
          AND attempt.status = 'failed' AND allocations.live
    )
    UPDATE channels SET payment_id = NULL, sequence = greatest(attempt.sequence, channels.read_sequence)
    FROM attempt
    WHERE channels.address = attempt.channel AND channels.payment_id = attempt.payment_id
"""
_FINISHES = {
    to: text(
        _FINISH.format(
            finished=transitions.ATTEMPTS.make_assignment(to),
            unfinished=transitions.ATTEMPTS.make_condition(to),
            submitted=transitions.PAYMENTS.make_assignment(_SUBMITTED),
            signed=transitions.PAYMENTS.make_condition(_SUBMITTED),
        )
    )
    for to in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)
}


async def finish(
    connection: AsyncConnection, attempt: Attempt, status: AttemptStatus, reason: str = ""
) -> bool:
    """
    Close the attempt and free its channel, because the network has consumed the sequence.

    Its payments become submitted if they were not: bytes that a ledger shows have been sent, even if
    the process died before it recorded that. False when the attempt was closed with this status
    before, released, or replaced. Raises IllegalTransition when it was closed with another status.
    """
    key = {"payment_id": attempt.payment_id, "n": attempt.n}
    pair = {"channel": attempt.channel, "sequence": attempt.sequence}
    result = await connection.execute(_FINISHES[status], key | pair | {"reason": reason or None})
    if result.rowcount == 1:
        return True
    if await is_replaced(connection, attempt):
        return False
    with suppress(NotFound):
        return await transitions.refuse(connection, transitions.ATTEMPTS, key, status)
    return False


async def is_replaced(connection: AsyncConnection, attempt: Attempt) -> bool:
    """Tell whether another attempt has this name by now: in a database that was restored and has forgotten this one."""
    found = await get_attempt(connection, attempt.payment_id, attempt.n)
    known = (attempt.channel, attempt.sequence)
    return found is not None and (found.channel, found.sequence) != known


_RELEASE = text(
    """
    WITH attempt AS (
        DELETE FROM attempts
        WHERE payment_id = :payment_id AND n = :n AND status = 'open'
          AND channel = :channel AND max_ledger IS NULL
        RETURNING payment_id, n, channel
    ), allocation AS (
        DELETE FROM allocations USING attempt
        WHERE allocations.lead_payment_id = attempt.payment_id AND allocations.n = attempt.n
    )
    UPDATE channels SET payment_id = NULL, sequence = greatest(sequence, read_sequence) FROM attempt
    WHERE channels.address = attempt.channel AND channels.payment_id = attempt.payment_id
    """
)


async def release(connection: AsyncConnection, given: Reservation) -> bool:
    """
    Release the channel of an attempt for which nothing is signed; False when it was not released.

    Bytes that were stored meanwhile may have been sent, so they keep their channel until the
    sequence is consumed.
    """
    result = await connection.execute(
        _RELEASE,
        {"payment_id": given.payment_id, "n": given.n, "channel": given.channel},
    )
    return result.rowcount == 1


async def release_sequence(connection: AsyncConnection, dead: Attempt) -> None:
    """Let the next attempt on the channel use the sequence of bytes that can never enter a ledger."""
    await connection.execute(
        update(attempts)
        .where(
            attempts.c.payment_id == dead.payment_id,
            attempts.c.n == dead.n,
            attempts.c.status == AttemptStatus.FAILED,
        )
        .values(sequence_unused=True)
    )


async def give_back_sequence(connection: AsyncConnection, dead: Attempt) -> None:
    """Let a free channel use the sequence of bytes that have expired, unless the network consumed it."""
    await connection.execute(
        update(channels)
        .where(
            channels.c.address == dead.channel,
            channels.c.payment_id.is_(None),
            channels.c.sequence == dead.sequence,
        )
        .values(sequence=func.greatest(dead.sequence - 1, channels.c.read_sequence))
    )
