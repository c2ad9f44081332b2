"""Transfers that our own bytes made, as they were read of the chain, before anything is booked of them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.accounting.reconciliation import ObservedTransaction, OwnTransfer

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
