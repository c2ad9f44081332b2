"""Out-of-band transfers, as reconciliation has read them, and the payments they were matched with."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.access.scopes import list_conditions
from adapters.postgres.settlement.payments import require_record, to_record
from adapters.postgres.tables import allocations, manual_matches, payments
from domain.access.scopes import Scope
from domain.errors import NotFound
from domain.settlement.manual_matches import (
    LEDGER_CLOCK_SLIP,
    MATCHABLE,
    ManualMatch,
    OutOfBandTransfer,
)
from domain.settlement.payments import PaymentRecord, PaymentStatus

# The bytes on record whose transfers explain themselves. Those of an attempt that is closed as failed do
# not: a node said so, and the chain shows otherwise.
KNOWN = """
    WITH known AS NOT MATERIALIZED (
        SELECT e.hash, e.inner_hash FROM envelopes e
        JOIN attempts a ON (a.payment_id, a.n) = (e.payment_id, e.n) WHERE a.status <> 'failed'
    )
"""
# Two conditions on our own envelopes and not one, because each uses an index. A transfer whose break
# was closed with suspense is known not to be the payment.
_OUT_OF_BAND = text(
    KNOWN
    + """
    SELECT p.id AS payment_id, p.number, t.position, t.kind, t.transaction_hash, t.ledger, t.closed_at,
           t.from_address, t.to_address, t.amount_stroops, a.payment_id IS NOT NULL AS matched,
           o.detected_at, greatest(o.detected_at, o.resolved_at) AS owed_since,
           (SELECT min(u.id) FROM payments u
            LEFT JOIN allocations s ON s.payment_id = u.id AND s.live
            WHERE u.transaction_hash = t.transaction_hash AND u.id <> p.id
              AND coalesce(s.number, u.number)::numeric = t.number) AS receipt_of, NULL AS revision
    FROM payments p JOIN outages o ON o.id = p.outage_id
    JOIN chain_transfers t ON t.number = p.number::numeric AND t.amount_stroops > 0
     AND t.from_address IN (SELECT address FROM treasuries)
    LEFT JOIN manual_matches a ON a.payment_id = p.id AND a.position = t.position
    WHERE p.id = ANY(:payment_ids)
      AND NOT EXISTS (SELECT FROM known WHERE known.hash = t.transaction_hash)
      AND NOT EXISTS (SELECT FROM known WHERE known.inner_hash = t.transaction_hash)
      AND (a.payment_id IS NOT NULL OR NOT EXISTS (
          SELECT FROM breaks b
          WHERE b.subject = 'transfer/' || t.position AND b.adjustment = 'suspense'
      ))
    ORDER BY a.payment_id IS NULL, t.position
    """
)


# A number that no transfer bears is that of no out-of-band transfer either; those of other verdicts count as well.
NAMED = """
    EXISTS (SELECT FROM chain_transfers t
            WHERE t.number = ANY(array_append(CAST(:others AS numeric[]), p.number::numeric))) AS named
"""
# One that was called off counts too: who called it off in the moment of its effect may have been a moment too late.
_STANDING = text(
    f"""
    SELECT p.*, {NAMED}, EXISTS (
        SELECT FROM payouts u JOIN outages o ON o.agreement = u.agreement
        WHERE o.id = p.outage_id AND u.effective_at > p.created_at AND u.effective_at <= :at
    ) AS moved
    FROM payments p WHERE p.id = :payment_id
    """
)


# Whoever nets pays several payments under the number of the first: the others are not named on the chain. Their
# payee may have had another address then, at which the payment is no longer to be made.
_NETTED = text(
    KNOWN
    + """
    SELECT p.id AS payment_id, t.number, t.position, t.kind, t.transaction_hash, t.ledger, t.closed_at,
           t.from_address, t.to_address, t.amount_stroops, false AS matched,
           o.detected_at, greatest(o.detected_at, o.resolved_at) AS owed_since, NULL AS receipt_of,
           NULL AS revision
    FROM payments p JOIN outages o ON o.id = p.outage_id
    JOIN agreements g ON g.name = o.agreement
    CROSS JOIN LATERAL (
        SELECT CASE p.type WHEN 'reward' THEN 'provider' ELSE 'beneficiary' END AS role,
               CASE p.type WHEN 'reward' THEN g.provider ELSE g.beneficiary END AS address
    ) payee
    JOIN chain_transfers t ON t.from_address = p.from_address
     AND (t.to_address IN (p.to_address, payee.address) OR t.to_address IN (
         SELECT u.address FROM payouts u
         WHERE u.agreement = g.name AND u.role = payee.role AND u.cancelled_at IS NULL))
     AND t.amount_stroops > p.amount_stroops AND t.number IS DISTINCT FROM p.number::numeric
     AND t.closed_at >= greatest(o.detected_at, o.resolved_at) - CAST(:slip AS interval)
    LEFT JOIN payments f ON f.number = t.number
    WHERE p.id = ANY(:payment_ids)
      AND (f.id IS NULL AND CAST(:nets AS boolean) OR f.transaction_hash IS DISTINCT FROM t.transaction_hash
           AND f.from_address = t.from_address AND f.amount_stroops < t.amount_stroops)
      AND NOT EXISTS (SELECT FROM known WHERE known.hash = t.transaction_hash)
      AND NOT EXISTS (SELECT FROM known WHERE known.inner_hash = t.transaction_hash)
      AND NOT EXISTS (
          SELECT FROM breaks b
          WHERE b.subject = 'transfer/' || t.position AND b.adjustment = 'suspense'
      )
    ORDER BY t.position
    """
)


async def find_out_of_band(
    connection: AsyncConnection, payment_ids: Sequence[str]
) -> list[OutOfBandTransfer]:
    """
    Return the out-of-band transfers that carry the numbers of these payments, matched ones first.

    They are as recent as the chain was read: some seconds old.
    """
    rows = await connection.execute(_OUT_OF_BAND, {"payment_ids": list(payment_ids)})
    return to_transfers(rows)


# The network's id of an event begins with its ledger. A number may be more than a payment's can be.
_MADE_ELSEWHERE = text(
    """
    SELECT DISTINCT t.transaction_hash
    FROM chain_transfers t JOIN payments p
      ON p.number = CASE WHEN t.number < 9223372036854775808 THEN t.number::bigint END
    WHERE t.position >= :first AND t.position < :after AND t.amount_stroops > 0
      AND t.from_address IN (SELECT address FROM treasuries)
      AND NOT EXISTS (SELECT FROM envelopes e WHERE e.hash = t.transaction_hash)
      AND NOT EXISTS (SELECT FROM envelopes e WHERE e.inner_hash = t.transaction_hash)
    ORDER BY t.transaction_hash LIMIT 100
    """
)


async def list_made_elsewhere(
    connection: AsyncConnection, first_ledger: int, last_ledger: int
) -> list[str]:
    """
    Return the transactions in some ledgers that paid payments on record by bytes that are not: those of an
    engine on a copy of this database.
    """
    span = {"first": _make_position(first_ledger), "after": _make_position(last_ledger + 1)}
    return [row.transaction_hash for row in await connection.execute(_MADE_ELSEWHERE, span)]


def _make_position(ledger: int) -> str:
    return f"{max(ledger, 0) << 32:019d}"


async def find_netted(
    connection: AsyncConnection, payment_ids: Sequence[str], *, nets: bool
) -> list[OutOfBandTransfer]:
    """
    Return the transfers that may have paid these payments together with others: to the payee, of more
    than is owed, and explained by nothing in this database. Unless it is known that this engine `nets`, only those
    under the number of a payment on record that owes less: under one of a forgotten payment any transfer may be just that.
    """
    asked = {"payment_ids": list(payment_ids), "slip": LEDGER_CLOCK_SLIP, "nets": nets}
    return to_transfers(await connection.execute(_NETTED, asked))


def to_transfers(rows: CursorResult[Any]) -> list[OutOfBandTransfer]:
    return [
        OutOfBandTransfer(**{each.name: row[each.name] for each in fields(OutOfBandTransfer)})
        for row in rows.mappings()
    ]


async def get_standing(
    connection: AsyncConnection, payment_id: str, at: datetime, others: Sequence[int]
) -> tuple[PaymentRecord, bool, bool]:
    """
    Return a payment, whether a party of its agreement may have moved since it is owed, and whether the chain, as far as it
    is read, shows any transfer under its number or `others`. Raises NotFound.
    """
    asked = {"payment_id": payment_id, "at": at, "others": list(others)}
    rows = await connection.execute(_STANDING, asked)
    row = rows.mappings().one_or_none()
    return require_record(row, payment_id), bool(row and row["moved"]), bool(row and row["named"])


async def lock(connection: AsyncConnection, payment_id: str) -> tuple[PaymentRecord, bool]:
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
    return to_record(row), row["in_attempt"]


async def get(connection: AsyncConnection, payment_id: str, scope: Scope) -> ManualMatch | None:
    own = list_conditions(scope, payments.c.outage_id)
    rows = await connection.execute(
        select(manual_matches)
        .join(payments, payments.c.id == manual_matches.c.payment_id)
        .where(manual_matches.c.payment_id == payment_id, *own)
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return ManualMatch(row.payment_id, row.position, row.matched_by, row.note, row.matched_at)


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
