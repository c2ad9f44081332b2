"""Out-of-band transfers, as reconciliation has read them, and the payments they were matched with."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import RowMapping, exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import allocations, manual_matches, payments
from domain.errors import NotFound
from domain.settlement.manual_matches import MATCHABLE, ManualMatch, OutOfBandTransfer
from domain.settlement.payments import PaymentStatus

# Two conditions on our own envelopes and not one, because each uses an index. A transfer whose break
# was closed with suspense is known not to be the payment.
_OUT_OF_BAND = text(
    """
    SELECT p.id AS payment_id, p.number, t.position, t.kind, t.transaction_hash, t.ledger, t.closed_at,
           t.from_address, t.to_address, t.amount_stroops, a.payment_id IS NOT NULL AS matched
    FROM payments p
    JOIN chain_transfers t ON t.number = p.number::numeric AND t.amount_stroops > 0
     AND t.from_address IN (SELECT bond FROM agreements UNION SELECT pool FROM agreements)
    LEFT JOIN manual_matches a ON a.payment_id = p.id AND a.position = t.position
    WHERE p.id = ANY(:payment_ids)
      AND NOT EXISTS (SELECT FROM envelopes e WHERE e.hash = t.transaction_hash)
      AND NOT EXISTS (SELECT FROM envelopes e WHERE e.inner_hash = t.transaction_hash)
      AND NOT EXISTS (
          SELECT FROM breaks b
          WHERE b.subject = 'transfer/' || t.position AND b.adjustment = 'suspense'
      )
    ORDER BY a.payment_id IS NULL, t.position
    """
)


async def find_out_of_band(
    connection: AsyncConnection, payment_ids: Sequence[str]
) -> list[OutOfBandTransfer]:
    """
    Return the out-of-band transfers that carry the numbers of these payments, matched ones first.

    They are as recent as reconciliation has read the chain: some seconds old.
    """
    rows = await connection.execute(_OUT_OF_BAND, {"payment_ids": list(payment_ids)})
    return [
        OutOfBandTransfer(**{each.name: row[each.name] for each in fields(OutOfBandTransfer)})
        for row in rows.mappings()
    ]


async def lock(connection: AsyncConnection, payment_id: str) -> tuple[RowMapping, bool]:
    """
    Lock a payment; return it, and whether it is in an attempt. No attempt begins before the commit.

    Whoever opens an attempt refers to the payment's row, so one of the two waits for the other.
    """
    await connection.execute(
        select(payments.c.id).where(payments.c.id == payment_id).with_for_update()
    )
    in_attempt = exists().where(allocations.c.payment_id == payments.c.id, allocations.c.live)
    rows = await connection.execute(
        select(payments, in_attempt.label("in_attempt")).where(payments.c.id == payment_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"payment {payment_id!r} does not exist")
    return row, row["in_attempt"]


async def get(connection: AsyncConnection, payment_id: str) -> RowMapping | None:
    rows = await connection.execute(
        select(manual_matches).where(manual_matches.c.payment_id == payment_id)
    )
    return rows.mappings().one_or_none()


async def match(
    connection: AsyncConnection, manual_match: ManualMatch, made: OutOfBandTransfer
) -> None:
    """Confirm a payment by a transfer that was made out of band; the caller has locked the payment."""
    await connection.execute(
        insert(manual_matches).values(
            payment_id=manual_match.payment_id,
            position=manual_match.position,
            matched_by=manual_match.matched_by,
            note=manual_match.note,
            matched_at=manual_match.at,
        )
    )
    await transitions.move(
        connection,
        transitions.PAYMENTS,
        {"id": manual_match.payment_id},
        PaymentStatus.CONFIRMED,
        MATCHABLE,
        batch_ready_at=None,
        transaction_hash=made.transaction_hash,
        ledger=made.ledger,
        confirmed_at=made.closed_at,
    )
