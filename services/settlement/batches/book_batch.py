"""Book what is proven: the money of a whole batch has moved."""

from typing import Any

from adapters.failpoints import reach
from adapters.postgres import attempts, events, ledger, shares
from adapters.postgres.database import Database
from domain.attempts import AttemptStatus
from domain.batches import BatchSighting
from domain.digests import instant
from domain.ledger import spent
from domain.shares import Share, Transfer
from services.settlement.payments.audit_entries import tell_paid


async def book_batch(database: Database, sighting: BatchSighting) -> list[str]:
    """Return the payments that the batch settled."""
    batch, attempt, seen = sighting.batch, sighting.attempt, sighting.observation
    transaction_hash = seen.hash or attempt.newest_hash
    confirmed_at = seen.closed_at or sighting.at
    proof = {
        "transaction_hash": transaction_hash,
        "ledger": seen.ledger,
        "fee_stroops": str(seen.fee_stroops),
        "confirmed_at": instant(confirmed_at),
    }
    async with database.transaction() as connection:
        riders, riding = await shares.riding(connection, batch)
        if await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED):
            await shares.confirm(
                connection,
                batch,
                transaction_hash=transaction_hash,
                ledger=seen.ledger,
                confirmed_at=confirmed_at,
            )
            settled = [
                entry
                for rider in riders.values()
                for entry in spent(rider, transaction_hash, batch.n, batch.leader)
            ]
            await ledger.book_many(connection, settled)
            told = [
                tell_paid(riders[share.payment_id], sighting.at, proof | _part(transfer, share))
                for transfer in riding
                for share in transfer.shares
            ]
            await events.publish_all(connection, told)
            reach("in_booking")
    return list(riders)


def _part(transfer: Transfer, share: Share) -> dict[str, Any]:
    """What proves a payment that went together with others: the transfer, and its part of it."""
    return {
        "transfer_number": transfer.number,
        "transfer_stroops": str(transfer.amount_stroops),
        "share_stroops": str(share.amount_stroops),
    }
