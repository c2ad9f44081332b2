"""Close a batch that had no effect: those at fault are parked, the rest is tried once more."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.failpoints import reach
from adapters.postgres import attempts, batches, events, ledger, payments, shares
from adapters.postgres.database import Database
from domain.attempts import AttemptStatus, Outcome
from domain.batches import BatchSighting, Ejection, at_fault
from domain.ledger import unspent
from domain.payments import Payment, PaymentStatus
from domain.reasons import Reason
from domain.shares import Transfer
from services.settlement.batches.leave_out import park_within
from services.settlement.batches.read_batch import called_for_within
from services.settlement.payments.audit_entries import tell_attempt_failed


async def eject_batch(
    database: Database, sighting: BatchSighting, found: Mapping[int, Reason], ours: Sequence[str]
) -> Ejection:
    """`found` is what the network was asked for: which transfers, by number, cannot be made."""
    batch, attempt, seen = sighting.batch, sighting.attempt, sighting.observation
    async with database.transaction() as connection:
        riders, riding = await shares.riding(connection, batch)
        if not await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
            out = await shares.left_out(connection, batch)
            again = await batches.followed(connection, batch)
            return Ejection(out, again, await called_for_within(connection, batch, out))
        obstacles = _obstacles(sighting, found, riding)
        out = at_fault(riding, obstacles)
        await shares.blame(connection, batch, out)
        survivors = [transfer for transfer in riding if transfer.number not in obstacles]
        await payments.move_all(connection, list(riders), PaymentStatus.PENDING)
        deliveries = await park_within(connection, riders, out, sighting.at)
        again = await batches.try_again(connection, batch, survivors, ours)
        await _give_back(connection, sighting, riders)
        reach("in_failing")
    return Ejection(out, again, deliveries)


def _obstacles(
    sighting: BatchSighting, found: Mapping[int, Reason], riding: Sequence[Transfer]
) -> dict[int, Reason]:
    seen = sighting.observation
    named = {riding[fault.index].number: fault.reason for fault in seen.failing}
    obstacles = dict(found) | named
    if not obstacles and seen.outcome is Outcome.FAILED_PARK:
        return {transfer.number: seen.why for transfer in riding}
    return obstacles


async def _give_back(
    connection: AsyncConnection, sighting: BatchSighting, riders: Mapping[str, Payment]
) -> None:
    """What was reserved for the batch is owed again, and each payment is told."""
    batch, attempt, seen = sighting.batch, sighting.attempt, sighting.observation
    given_back = [
        entry for rider in riders.values() for entry in unspent(rider, batch.n, batch.leader)
    ]
    await ledger.book_many(connection, given_back)
    facts = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
    failed = [
        (tell_attempt_failed(rider, attempt, sighting.at, facts), ()) for rider in riders.values()
    ]
    await events.publish_all(connection, failed)
