"""Transfers that paid a verdict of an outage which this database has forgotten: it was given, and paid, after a backup."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.settlement.manual_matches import KNOWN, to_transfers
from domain.recovery.revisions import list_other_numbers
from domain.settlement.manual_matches import OutOfBandTransfer
from domain.settlement.payments import Payment

_FOUND = text(
    KNOWN
    + """
    SELECT p.id AS payment_id, t.number, t.position, t.kind, t.transaction_hash, t.ledger, t.closed_at,
           t.from_address, t.to_address, t.amount_stroops, false AS matched,
           o.detected_at, greatest(o.detected_at, o.resolved_at) AS owed_since, NULL AS receipt_of, other.revision
    FROM unnest(CAST(:ids AS text[]), CAST(:revisions AS int[]), CAST(:numbers AS numeric[]))
        AS other (payment_id, revision, number)
    JOIN payments p ON p.id = other.payment_id
    JOIN outages o ON o.id = p.outage_id
    JOIN chain_transfers t ON t.number = other.number AND t.amount_stroops > 0
     AND t.from_address IN (SELECT address FROM treasuries)
    WHERE NOT EXISTS (SELECT FROM known WHERE known.hash = t.transaction_hash)
      AND NOT EXISTS (SELECT FROM known WHERE known.inner_hash = t.transaction_hash)
      AND NOT EXISTS (
          SELECT FROM breaks b
          WHERE b.subject = 'transfer/' || t.position AND b.adjustment = 'suspense'
      )
    ORDER BY t.position
    """
)


async def find_transfers(
    connection: AsyncConnection, passphrase: str, installation: UUID, payments: Sequence[Payment]
) -> list[OutOfBandTransfer]:
    """Return the transfers, by bytes that are not on record, that paid another verdict on the outages of payments."""
    others = [
        (payment.id, revision, number)
        for payment in payments
        for revision, number in list_other_numbers(
            passphrase, installation, payment.outage_id, payment.revision
        )
    ]
    ids, revisions, numbers = (list(column) for column in zip(*others, strict=True))
    asked = {"ids": ids, "revisions": revisions, "numbers": numbers}
    return to_transfers(await connection.execute(_FOUND, asked))
