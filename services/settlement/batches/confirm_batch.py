"""Book what is proven: the money of a whole batch has moved."""

from typing import Any

from adapters.failpoints import reach
from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts
from domain.accounting.journal import make_settled_entries
from domain.digests import format_instant
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import AttemptStatus
from domain.settlement.batches import ObservedBatch
from services.settlement.payments.audit_entries import describe_paid


async def confirm_batch(database: Database, observed: ObservedBatch) -> list[str]:
    """Return the payments that the batch settled."""
    batch, attempt, seen = observed.batch, observed.attempt, observed.observation
    transaction_hash = seen.hash or attempt.newest_hash
    confirmed_at = seen.closed_at or observed.at
    proof = {
        "transaction_hash": transaction_hash,
        "ledger": seen.ledger,
        "fee_stroops": str(seen.fee_stroops),
        "confirmed_at": format_instant(confirmed_at),
    }
    async with database.transaction() as connection:
        members, transfers = await allocations.get_members(connection, batch)
        if await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED):
            await allocations.confirm(
                connection,
                batch,
                transaction_hash=transaction_hash,
                ledger=seen.ledger,
                confirmed_at=confirmed_at,
            )
            settled = [
                entry
                for member in members.values()
                for entry in make_settled_entries(
                    member, transaction_hash, batch.n, batch.lead_payment_id
                )
            ]
            await journal.post_entries(connection, settled)
            told = [
                describe_paid(
                    members[share.payment_id],
                    observed.at,
                    proof | _describe_allocation(transfer, share),
                )
                for transfer in transfers
                for share in transfer.allocations
            ]
            await events.publish_all(connection, told)
            reach("in_booking")
    return list(members)


def _describe_allocation(transfer: Transfer, share: Allocation) -> dict[str, Any]:
    """What proves a payment that went together with others: the transfer, and its part of it."""
    return {
        "transfer_number": transfer.number,
        "transfer_stroops": str(transfer.amount_stroops),
        "allocated_stroops": str(share.amount_stroops),
    }
