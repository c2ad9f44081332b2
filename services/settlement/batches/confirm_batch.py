"""Confirm a batch that is proven to have moved its money."""

from typing import Any

from adapters.failpoints import reach
from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts
from domain import payloads
from domain.accounting.journal import make_settled_entries
from domain.requests import Request
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import AttemptStatus
from domain.settlement.batches import ObservedBatch
from services.settlement.payments.audit_entries import describe_paid


async def confirm_batch(
    database: Database, observed: ObservedBatch, by: Request | None = None
) -> list[str]:
    """Return the payments that the batch settled; `by` is whoever found the proof."""
    batch, attempt, seen = observed.batch, observed.attempt, observed.observation
    transaction_hash = seen.hash or attempt.newest_hash
    confirmed_at = seen.closed_at or observed.at
    proof = payloads.describe_receipt(transaction_hash, seen.ledger, seen.fee_stroops, confirmed_at)
    async with database.transaction(durable=True) as connection:
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
            announcements = [
                describe_paid(
                    members[allocation.payment_id],
                    observed.at,
                    proof | _describe_allocation(transfer, allocation),
                    by,
                )
                for transfer in transfers
                for allocation in transfer.allocations
            ]
            await events.publish_all(connection, announcements)
            reach("in_booking")
    return list(members)


def _describe_allocation(transfer: Transfer, allocation: Allocation) -> dict[str, Any]:
    """Return what proves a payment of a batch: the transfer, and its allocation."""
    return {
        "transfer_number": str(transfer.number),
        "transfer_stroops": str(transfer.amount_stroops),
        "allocated_stroops": str(allocation.amount_stroops),
    }
