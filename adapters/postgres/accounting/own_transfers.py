"""Transfers that our own bytes made, as they were read of the chain, before anything is posted of them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.accounting.reconciliation import ObservedTransaction, OwnTransfer
from domain.settlement.channels import ChainCoverage, ObservedTransfer, QuarantinedAttempt

# From the channels that are in use: few, however many attempts there have been.
_UNCONFIRMED = text(
    """
    SELECT DISTINCT a.payment_id, a.n, t.transaction_hash, t.ledger, t.closed_at
    FROM channels c JOIN attempts a ON a.payment_id = c.payment_id AND a.channel = c.address
    JOIN payments p ON p.id = a.payment_id
    JOIN envelopes e ON (e.payment_id, e.n) = (a.payment_id, a.n)
    JOIN chain_transfers t ON t.transaction_hash = e.hash
    WHERE a.status = 'open' AND NOT c.quarantined AND p.status IN ('prepared', 'submitted')
      AND e.noop_reason = '' AND t.ledger <= (SELECT ledger - :ledgers FROM chain_cursor)
    ORDER BY t.ledger
    """
)


async def list_unconfirmed(connection: AsyncConnection, ledgers: int) -> list[OwnTransfer]:
    """Return what our own bytes moved at least so many ledgers ago, and no payment is confirmed by."""
    rows = await connection.execute(_UNCONFIRMED, {"ledgers": ledgers})
    return [
        OwnTransfer(
            row.payment_id,
            row.n,
            ObservedTransaction(row.transaction_hash, row.ledger, row.closed_at),
        )
        for row in rows
    ]


# Transfers by the attempt's own bytes; and transfers from a treasury that carry the number of one of
# the attempt's transfers, whoever signed them.
_COVERAGE = text(
    """
    WITH trace AS (
        SELECT t.transaction_hash, t.ledger, true AS ours
        FROM envelopes e
        JOIN chain_transfers t ON t.transaction_hash IN (e.hash, e.inner_hash)
        WHERE e.payment_id = :lead_payment_id AND e.n = :n
        UNION ALL
        SELECT t.transaction_hash, t.ledger, false
        FROM allocations s JOIN payments p ON p.id = s.payment_id
        JOIN chain_transfers t ON t.number = s.number AND t.from_address = p.from_address
        WHERE s.lead_payment_id = :lead_payment_id AND s.n = :n AND s.live
        ORDER BY ours DESC, ledger LIMIT 1
    )
    SELECT coalesce(c.first_ledger <= :first AND c.ledger >= :last, false) AND NOT EXISTS (
               SELECT FROM chain_gaps g WHERE g.first_ledger <= :last AND g.last_ledger >= :first
           ) AS complete,
           coalesce(c.ledger, 0) AS read_to, trace.*
    FROM (SELECT) AS one LEFT JOIN chain_cursor c ON true LEFT JOIN trace ON true
    """
)


async def get_coverage(
    connection: AsyncConnection, quarantined: QuarantinedAttempt, first: int, last: int
) -> ChainCoverage:
    """Return the transfer of an attempt that reconciliation has read, and whether it read all ledgers."""
    key = {"lead_payment_id": quarantined.attempt.payment_id, "n": quarantined.attempt.n}
    row = (await connection.execute(_COVERAGE, key | {"first": first, "last": last})).one()
    trace = row.transaction_hash and ObservedTransfer(row.transaction_hash, row.ledger, row.ours)
    return ChainCoverage(first, last, row.complete, row.read_to, trace or None)
