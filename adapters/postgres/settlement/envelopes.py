"""
Envelopes in the database: stored before they are sent, with the answer to every send.

One (channel, sequence) may have several: a higher bid is another envelope around the same
transaction, and bytes that are proven expired are followed by others on the same pair.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement import attempts
from adapters.postgres.settlement.attempts import Reservation
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import envelopes, submissions
from adapters.postgres.transitions import PAYMENTS
from domain.errors import TryAgain
from domain.settlement.attempts import Attempt
from domain.settlement.envelopes import Envelope, SendAnswer, SendStatus
from domain.settlement.payments import Payment, PaymentStatus

# The attempt's ledger bound is a compare-and-set: of two runs that signed at the same time, one finds
# it changed and stores nothing. So does a run whose attempt was released and begun on another channel,
# or whose batch lost a member meanwhile.
_STORE = text(
    f"""
    WITH attempt AS (
        UPDATE attempts SET max_ledger = :max_ledger
        WHERE payment_id = :payment_id AND n = :n AND status = 'open'
          AND channel = :channel AND sequence = :sequence AND members = :members
          AND max_ledger IS NOT DISTINCT FROM CAST(:known_max_ledger AS bigint)
          AND NOT EXISTS (
              SELECT FROM allocations s JOIN payments p ON p.id = s.payment_id
              WHERE s.lead_payment_id = :payment_id AND s.n = :n AND s.live AND p.status = '{PaymentStatus.VOIDED}'
          )
        RETURNING payment_id, n
    ), envelope AS (
        INSERT INTO envelopes
            (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger, noop_reason, noop_reason_code)
        SELECT :hash, :inner_hash, payment_id, n, :xdr, :fee_stroops, :max_ledger, :noop_reason, :noop_reason_code
        FROM attempt
    ), payment AS (
        UPDATE payments SET {PAYMENTS.make_assignment(PaymentStatus.PREPARED)}
        FROM attempt JOIN allocations s ON s.lead_payment_id = attempt.payment_id AND s.n = attempt.n AND s.live
        WHERE payments.id = s.payment_id AND {PAYMENTS.make_condition(PaymentStatus.PREPARED)}
        RETURNING payments.from_address, payments.to_address
    )
    SELECT payment.from_address, payment.to_address FROM attempt LEFT JOIN payment ON true LIMIT 1
    """
)


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """
    The bytes on record. Of new ones that moved a payment to prepared, `addresses` are between whom it is made, the
    payment being locked from then on.
    """

    envelope: Envelope
    is_new: bool
    addresses: tuple[str, str] | None = None


async def store(
    connection: AsyncConnection, reserved: Reservation, envelope: Envelope
) -> StoredEnvelope:
    """
    Store signed bytes before they are sent, and move their payments to prepared.

    When another run of the activity stored bytes meanwhile, those are returned and these are dropped:
    only stored bytes are ever sent.
    """
    values = _to_columns(reserved, envelope) | {
        "channel": reserved.channel,
        "sequence": reserved.sequence,
        "members": reserved.members,
        "known_max_ledger": reserved.envelope.max_ledger if reserved.envelope else None,
    }
    row = (await connection.execute(_STORE, values)).one_or_none()
    if row is None:
        return StoredEnvelope(await _get_newest(connection, reserved), False)
    return StoredEnvelope(envelope, True, None if row.to_address is None else (row[0], row[1]))


def _to_columns(reserved: Reservation, envelope: Envelope) -> dict[str, object]:
    return {"payment_id": reserved.payment_id, "n": reserved.n} | asdict(envelope)


async def _get_newest(connection: AsyncConnection, reserved: Reservation) -> Envelope:
    """Return the newest bytes of a (channel, sequence); raise TryAgain when the attempt has it no more."""
    now = await attempts.get_attempt(connection, reserved.payment_id, reserved.n)
    pair = reserved.channel, reserved.sequence
    if now is None or now.envelope is None or (now.channel, now.sequence) != pair:
        raise TryAgain(
            f"payment {reserved.payment_id} was changed by another process meanwhile; read it again"
        )
    return now.envelope


# Stores a higher bid for the same inner transaction; a lower bid, or one for bytes that were replaced
# since, is dropped.
_STORE_BID = text(
    """
    INSERT INTO envelopes
        (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger, noop_reason, noop_reason_code)
    SELECT :hash, CAST(:inner_hash AS text), a.payment_id, a.n, :xdr,
           CAST(:fee_stroops AS bigint), CAST(:max_ledger AS bigint), :noop_reason, :noop_reason_code
    FROM attempts a
    WHERE a.payment_id = :payment_id AND a.n = :n AND a.status = 'open'
      AND a.max_ledger = CAST(:max_ledger AS bigint)
      AND NOT EXISTS (
          SELECT FROM envelopes e
          WHERE e.payment_id = a.payment_id AND e.n = a.n AND e.max_ledger = CAST(:max_ledger AS bigint)
            AND (e.inner_hash <> CAST(:inner_hash AS text)
                 OR e.fee_stroops >= CAST(:fee_stroops AS bigint))
      )
    ON CONFLICT (hash) DO NOTHING
    """
)


async def store_bid(
    connection: AsyncConnection, reserved: Reservation, envelope: Envelope
) -> Envelope:
    """Store a higher bid before it is sent; return the highest bid that is stored."""
    await connection.execute(_STORE_BID, _to_columns(reserved, envelope))
    return await _get_newest(connection, reserved)


async def get_bids(connection: AsyncConnection, attempt: Attempt) -> tuple[int, list[SendAnswer]]:
    """Return how often the bid for the newest bytes was raised, and all answers to the last bid."""
    count = await connection.scalar(
        select(func.count())
        .select_from(envelopes)
        .where(
            envelopes.c.payment_id == attempt.payment_id,
            envelopes.c.n == attempt.n,
            envelopes.c.inner_hash == attempt.hash,
        )
    )
    answers = await connection.execute(
        select(submissions.c.status, submissions.c.detail).where(
            submissions.c.hash == attempt.newest_hash
        )
    )
    return (count or 1) - 1, [SendAnswer(SendStatus(row.status), row.detail) for row in answers]


_INNER_HASHES = (
    select(envelopes.c.inner_hash)
    .where(envelopes.c.payment_id == bindparam("payment_id"), envelopes.c.n == bindparam("number"))
    .group_by(envelopes.c.inner_hash)
    .order_by(func.max(envelopes.c.max_ledger).desc())
)


async def list_inner_hashes(connection: AsyncConnection, payment_id: str, n: int) -> list[str]:
    """Return the hash of every inner transaction ever signed for an attempt, newest first."""
    rows = await connection.execute(_INNER_HASHES, {"payment_id": payment_id, "number": n})
    return list(rows.scalars())


async def list_outer_hashes(connection: AsyncConnection, payment_id: str, n: int) -> list[str]:
    """Return the hash of every envelope of an attempt, under which a ledger shows it."""
    rows = await connection.scalars(
        select(envelopes.c.hash).where(envelopes.c.payment_id == payment_id, envelopes.c.n == n)
    )
    return list(rows)


_RECORD_SUBMISSION = text(
    f"""
    WITH submission AS (
        INSERT INTO submissions (hash, status, detail)
        SELECT hash, CAST(:status AS text), CAST(:detail AS text) FROM envelopes WHERE hash = :hash
        RETURNING hash
    )
    UPDATE payments SET {PAYMENTS.make_assignment(PaymentStatus.SUBMITTED)} FROM allocations s, submission
    WHERE s.lead_payment_id = :payment_id AND s.n = :n AND s.live
      AND payments.id = s.payment_id AND {PAYMENTS.make_condition(PaymentStatus.SUBMITTED)}
    RETURNING payments.*
    """
)


async def record_submission(
    connection: AsyncConnection, attempt: Attempt, answer: SendAnswer
) -> list[Payment]:
    """
    Record the answer to a send; the first one moves the payments to submitted, which are returned.

    Nothing is recorded of bytes that a restored database does not know: what became of them shows on the chain.
    """
    moved = await connection.execute(
        _RECORD_SUBMISSION,
        {
            "hash": attempt.newest_hash,
            "status": answer.status,
            "detail": answer.detail,
            "payment_id": attempt.payment_id,
            "n": attempt.n,
        },
    )
    return sorted(map(to_payment, moved.mappings()), key=lambda payment: payment.id)
