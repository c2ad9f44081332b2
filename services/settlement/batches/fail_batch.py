"""Close a batch that had no effect: those at fault are blocked, the rest is tried once more."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.failpoints import reach
from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    allocations,
    attempts,
    batches,
    channels,
    payments,
)
from domain.accounting.journal import make_released_entries
from domain.reasons import Reason
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import AttemptOutcome, AttemptStatus
from domain.settlement.batches import FailBatchResult, ObservedBatch, find_at_fault
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.batches.remove_members import block_members_within
from services.settlement.payments.audit_entries import describe_attempt_failed


async def fail_batch(
    database: Database, observed: ObservedBatch, found: Mapping[int, Reason], ours: Sequence[str]
) -> FailBatchResult:
    """Fail a batch; `found` names the transfers, by number, that the network says cannot be made."""
    batch, attempt, seen = observed.batch, observed.attempt, observed.observation
    async with database.transaction() as connection:
        members, transfers = await allocations.get_members(connection, batch)
        if not await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
            out = await allocations.list_removed(connection, batch)
            return FailBatchResult(out, await batches.get_successor(connection, batch))
        if seen.unused_after is not None:
            await channels.set_back(connection, attempt.channel, seen.unused_after, seen.ledger)
        obstacles = _find_obstacles(observed, found, transfers)
        out = find_at_fault(transfers, obstacles)
        await allocations.record_faults(connection, batch, out)
        survivors = [transfer for transfer in transfers if transfer.number not in obstacles]
        await payments.move_all(connection, list(members), PaymentStatus.PENDING)
        await block_members_within(connection, members, out, observed.at)
        again = await batches.form_from_survivors(connection, batch, survivors, ours)
        await release_reservations_within(connection, observed, members)
        reach("in_failing")
    return FailBatchResult(out, again)


def _find_obstacles(
    observed: ObservedBatch, found: Mapping[int, Reason], transfers: Sequence[Transfer]
) -> dict[int, Reason]:
    seen = observed.observation
    named = {transfers[fault.index].number: fault.reason for fault in seen.failing}
    obstacles = dict(found) | named
    if not obstacles and seen.outcome is AttemptOutcome.FAILED_BLOCKED:
        return {transfer.number: seen.why for transfer in transfers}
    return obstacles


async def release_reservations_within(
    connection: AsyncConnection, observed: ObservedBatch, members: Mapping[str, Payment]
) -> None:
    """Release what was reserved for the batch, with an audit entry for each payment."""
    batch, attempt, seen = observed.batch, observed.attempt, observed.observation
    given_back = [
        entry
        for member in members.values()
        for entry in make_released_entries(member, batch.n, batch.lead_payment_id)
    ]
    await journal.post_entries(connection, given_back)
    payload = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
    failed = [
        describe_attempt_failed(member, attempt, observed.at, payload)
        for member in members.values()
    ]
    await events.publish_all(connection, failed)
