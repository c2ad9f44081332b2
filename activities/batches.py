"""Settle many payments by one transaction: gather, leave out, sign, store; book or eject."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.attempts import AttemptActivities, attempt_of
from activities.limits import Gate
from activities.payments import attempt_failed, hold, paid
from adapters.failpoints import reach
from adapters.postgres import (
    attempts,
    batches,
    envelopes,
    events,
    ledger,
    payments,
    shares,
    webhooks,
)
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain.attempts import Attempt, AttemptStatus, Outcome
from domain.batches import (
    Batch,
    BatchPreparation,
    BatchSighting,
    Ejected,
    Ejection,
    Gathering,
    Plan,
)
from domain.digests import instant
from domain.errors import ChainUnavailable, Obstructed, TryAgain
from domain.events import EventType, event_id
from domain.ledger import reservation, spent, unspent
from domain.payments import Payment, PaymentStatus
from domain.shares import Share, Transfer
from workflows.batches import BatchSteps

LOOK_EVERY_SECONDS = 0.2
LOOK_FOR_SECONDS = 60.0
AT_ONCE_MAX = 20


class BatchActivities(AttemptActivities, BatchSteps):
    def __init__(
        self, database: Database, rail: Rail, plan: Plan, gate: Gate | None = None
    ) -> None:
        super().__init__(database, rail, gate)
        self.plan = plan

    @activity.defn
    async def gather_batches(self, gathering: Gathering) -> list[Batch] | None:
        if not self.plan.gathers:
            return None
        if gathering.first or activity.info().attempt > 1:
            async with self.database.autocommit() as connection:
                if lost := await batches.under_way(connection):
                    return lost
        found: list[Batch] = []
        end = time.monotonic() + LOOK_FOR_SECONDS
        while time.monotonic() < end and len(found) < AT_ONCE_MAX:
            batch = None
            if await self.gate.silence() is None:
                reach("before_reserve")
                async with self.database.transaction() as connection:
                    batch = await batches.gather(connection, self.plan, datetime.now(UTC))
            if batch is not None:
                reach("after_reserve")
                found.append(batch)
            elif found:
                break
            else:
                activity.heartbeat()
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        return found

    @activity.defn
    async def prepare_batch(self, batch: Batch) -> BatchPreparation:
        async with self.database.autocommit() as connection:
            held = await attempts.reserved(connection, batch.leader, batch.n)
            _, riding = await shares.riding(connection, batch)
        if held is None or held.succeeded:
            return await self._prepared(batch, None)
        times_signed = 0
        if held.envelope is not None:
            attempt = attempt_of(held, held.envelope, resumed=True)
            if not await self.rail.is_dead(attempt, lambda: self.signed(attempt)):
                return await self._prepared(batch, attempt)
            times_signed = len(await self.signed(attempt))
        elif riding and (obstacles := await self.rail.obstacles(riding)):
            await self._leave_out(held, riding, obstacles)
            raise TryAgain(f"batch {batch.id} goes on without {len(obstacles)} transfers")
        return await self._signed_anew(batch, held, riding, times_signed)

    async def _signed_anew(
        self, batch: Batch, held: Reservation, riding: Sequence[Transfer], times_signed: int
    ) -> BatchPreparation:
        if sum(len(transfer.shares) for transfer in riding) != held.riders:
            raise TryAgain(f"batch {batch.id} lost a rider; look again")
        async with self.database.autocommit() as connection:
            rail = await shares.rail_of(connection, batch)
        if not riding:
            emptied = await self._prepared(batch, None)
            async with self.database.autocommit() as connection:
                await attempts.release(connection, held)
            return emptied
        if silence := await self.gate.silence():
            # Not to be tried every few seconds: a breaker may stay open for days.
            raise Obstructed(f"batch {batch.id} is {silence}")
        try:
            envelope = await self.rail.sign(riding, rail, held.channel, held.sequence, times_signed)
        except Obstructed as error:
            await self._leave_out(held, riding, dict.fromkeys(_numbers(riding), str(error)))
            raise TryAgain(f"batch {batch.id} cannot be signed: {error}") from error
        if held.envelope is not None and envelope.max_ledger <= held.envelope.max_ledger:
            raise ChainUnavailable(
                "the node lags behind the ledger that proved the last bytes dead"
            )
        reach("after_sign")
        # Committed before the first byte leaves the process.
        async with self.database.transaction() as connection:
            stored = await envelopes.store(connection, held, envelope)
            riders, _ = await shares.riding(connection, batch)
            reserved = [reservation(rider, batch.n, batch.leader) for rider in riders.values()]
            await ledger.book_many(connection, reserved)
        reach("after_store")
        attempt = attempt_of(held, stored, resumed=stored is not envelope)
        return await self._prepared(batch, attempt)

    async def _leave_out(
        self, held: Reservation, riding: Sequence[Transfer], obstacles: Mapping[int, str]
    ) -> None:
        """Park those who cannot be paid, before anything is signed for them."""
        out = _at_fault(riding, obstacles)
        batch = Batch(held.payment_id, held.n)
        async with self.database.transaction() as connection:
            riders, _ = await shares.riding(connection, batch)
            if await shares.leave_out(connection, held, out):
                await _park(connection, riders, out, datetime.now(UTC))
        reach("after_park")

    async def _prepared(self, batch: Batch, attempt: Attempt | None) -> BatchPreparation:
        async with self.database.autocommit() as connection:
            out = await shares.left_out(connection, batch)
            deliveries = await _called_for(connection, batch, out)
        return BatchPreparation(attempt, out, deliveries)

    @activity.defn
    async def book_batch(self, sighting: BatchSighting) -> list[str]:
        batch, attempt, seen = sighting.batch, sighting.attempt, sighting.observation
        transaction_hash = seen.hash or attempt.newest_hash
        confirmed_at = seen.closed_at or sighting.at
        proof = {
            "transaction_hash": transaction_hash,
            "ledger": seen.ledger,
            "fee_stroops": str(seen.fee_stroops),
            "confirmed_at": instant(confirmed_at),
        }
        async with self.database.transaction() as connection:
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
                    paid(riders[share.payment_id], sighting.at, proof | _ridden(transfer, share))
                    for transfer in riding
                    for share in transfer.shares
                ]
                await events.publish_all(connection, told)
                reach("in_booking")
        reach("after_book")
        return list(riders)

    @activity.defn
    async def eject_batch(self, sighting: BatchSighting) -> Ejection:
        batch, attempt, seen = sighting.batch, sighting.attempt, sighting.observation
        async with self.database.transaction() as connection:
            riders, riding = await shares.riding(connection, batch)
            if not await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
                out = await shares.left_out(connection, batch)
                again = await batches.followed(connection, batch)
                return Ejection(out, again, await _called_for(connection, batch, out))
            obstacles = {riding[fault.index].number: fault.reason for fault in seen.failing}
            if not obstacles and seen.outcome is Outcome.FAILED_PARK:
                obstacles = dict.fromkeys(_numbers(riding), seen.reason)
            out = _at_fault(riding, obstacles)
            await shares.blame(connection, batch, out)
            survivors = [transfer for transfer in riding if transfer.number not in obstacles]
            await payments.move_all(connection, list(riders), PaymentStatus.PENDING)
            deliveries = await _park(connection, riders, out, sighting.at)
            again = await batches.try_again(connection, batch, survivors)
            given_back = [
                entry
                for rider in riders.values()
                for entry in unspent(rider, batch.n, batch.leader)
            ]
            await ledger.book_many(connection, given_back)
            facts = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
            failed = [
                (attempt_failed(rider, attempt, sighting.at, facts), ())
                for rider in riders.values()
            ]
            await events.publish_all(connection, failed)
            reach("in_failing")
        reach("after_fail")
        return Ejection(out, again, deliveries)

    @activity.defn
    async def quarantine_batch(self, sighting: BatchSighting) -> list[str]:
        reason = sighting.observation.reason
        async with self.database.transaction() as connection:
            await attempts.quarantine(connection, sighting.attempt.channel)
            riders, _ = await shares.riding(connection, sighting.batch)
            held = [(rider, reason) for rider in riders.values()]
            deliveries = await hold(connection, held, PaymentStatus.QUARANTINED, sighting.at)
        await self.quarantined(sighting.attempt, sighting.batch.id)
        return deliveries


def _numbers(riding: Sequence[Transfer]) -> list[int]:
    return [transfer.number for transfer in riding]


def _at_fault(riding: Sequence[Transfer], obstacles: Mapping[int, str]) -> list[Ejected]:
    return [
        Ejected(share.payment_id, obstacles[transfer.number])
        for transfer in riding
        if transfer.number in obstacles
        for share in transfer.shares
    ]


def _ridden(transfer: Transfer, share: Share) -> dict[str, Any]:
    """What proves a payment that went together with others: the transfer, and its part of it."""
    return {
        "transfer_number": transfer.number,
        "transfer_stroops": str(transfer.amount_stroops),
        "share_stroops": str(share.amount_stroops),
    }


async def _park(
    connection: AsyncConnection, riders: Mapping[str, Payment], out: Sequence[Ejected], at: datetime
) -> list[str]:
    held = [(riders[ejected.payment_id], ejected.reason) for ejected in out]
    return await hold(connection, held, PaymentStatus.PARKED, at)


async def _called_for(
    connection: AsyncConnection, batch: Batch, out: Sequence[Ejected]
) -> list[str]:
    """Return the deliveries that an earlier run of this step called for."""
    outages = await shares.outages_of(connection, batch)
    told = [
        event_id(EventType.PAYMENT_PARKED, outages[item.payment_id], item.payment_id, item.reason)
        for item in out
    ]
    return await webhooks.called_for(connection, *told)
