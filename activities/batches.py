"""Settle many payments by one transaction: gather, leave out, sign, store; book or eject."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from temporalio import activity

from activities.attempts import AttemptActivities, attempt_of
from activities.limits import Gate
from activities.payments import attempt_failed, hold, paid
from activities.shares import at_fault, call_back, called_for, leave_out, park, ridden
from adapters.failpoints import reach
from adapters.postgres import (
    attempts,
    batches,
    envelopes,
    events,
    ledger,
    payments,
    shares,
)
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain.attempts import Attempt, AttemptStatus, Outcome
from domain.batches import (
    Batch,
    BatchPreparation,
    BatchSighting,
    Ejection,
    Gathering,
    Plan,
)
from domain.digests import instant
from domain.envelopes import Envelope
from domain.errors import Obstructed, TryAgain
from domain.ledger import reservation, spent, unspent
from domain.payments import PaymentStatus
from domain.reasons import Reason
from domain.shares import Transfer
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
        if gathering.first or activity.info().attempt > 1:
            async with self.database.autocommit() as connection:
                if lost := await batches.under_way(connection):
                    return lost
        if not self.plan.gathers:
            return None  # what was gathered under other settings is lived for all the same
        found: list[Batch] = []
        end = time.monotonic() + LOOK_FOR_SECONDS
        while time.monotonic() < end and len(found) < AT_ONCE_MAX:
            batch = None
            if await self.gate.silence() is None:
                reach("before_reserve")
                async with self.database.transaction() as connection:
                    now, ours = datetime.now(UTC), self.rail.channels
                    batch = await batches.gather(connection, self.plan, now, ours)
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
            riders, riding = await shares.riding(connection, batch)
        if held is None or held.succeeded:
            return await self._prepared(batch, None)
        times_signed = 0
        if held.envelope is not None:
            attempt = attempt_of(held, held.envelope, resumed=True)
            if not await self.rail.is_dead(attempt):
                return await self._prepared(batch, attempt)
            times_signed = len(await self.signed(attempt))
        elif riding and (obstacles := await self.rail.obstacles(riding)):
            await leave_out(self.database, held, riding, obstacles)
            raise TryAgain(f"batch {batch.id} goes on without {len(obstacles)} transfers")
        if riding and (silence := await self.gate.silence()):
            if held.envelope is not None:
                return await self._stuck(batch, held.envelope, silence, PaymentStatus.HELD)
            return await self._prepared(batch, None, silence)
        if held.envelope is not None and (made := await self.gate.by_hand(*riders)):
            why = next(iter(made.values())).obstacle
            return await self._stuck(batch, held.envelope, why, PaymentStatus.PARKED)
        if held.envelope is None and (
            left := await call_back(self.database, self.gate, held, riders, riding)
        ):
            raise TryAgain(f"batch {batch.id} goes on without {left} payments")
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
        try:
            envelope = await self.sign(held, riding, rail, times_signed)
        except Obstructed as error:
            if held.envelope is not None:
                return await self._stuck(batch, held.envelope, error.reason, PaymentStatus.PARKED)
            obstacles = dict.fromkeys(_numbers(riding), error.reason)
            await leave_out(self.database, held, riding, obstacles)
            raise TryAgain(f"batch {batch.id} cannot be signed: {error}") from error
        reach("after_sign")
        # Committed before the first byte leaves the process.
        async with self.database.transaction() as connection:
            stored = await envelopes.store(connection, held, envelope)
            riders, now_riding = await shares.riding(connection, batch)
            # An attempt that was given back may have been begun again, under the same name, for
            # others: what is stored for it pays those who ride in it.
            if stored is envelope and envelope.voids_code is None and now_riding != list(riding):
                raise TryAgain(f"batch {batch.id} carries others by now; look again")
            reserved = [reservation(rider, batch.n, batch.leader) for rider in riders.values()]
            await ledger.book_many(connection, reserved)
        reach("after_store")
        attempt = attempt_of(held, stored, resumed=stored is not envelope)
        return await self._prepared(batch, attempt)

    async def _stuck(
        self, batch: Batch, dead: Envelope, obstacle: Reason, status: PaymentStatus
    ) -> BatchPreparation:
        """
        Bytes that are dead by now cannot be followed by others. Nobody may leave, the pair is
        theirs until it is consumed: all are told what must change, and wait together.
        """
        async with self.database.transaction() as connection:
            riders, _ = await shares.riding(connection, batch)
            stopped = [(rider, obstacle) for rider in riders.values()]
            at, until = datetime.now(UTC), dead.max_ledger
            deliveries = await hold(connection, stopped, status, at, until)
        prepared = await self._prepared(batch, None, obstacle)
        return replace(prepared, deliveries=[*prepared.deliveries, *deliveries])

    async def _prepared(
        self, batch: Batch, attempt: Attempt | None, obstacle: Reason | None = None
    ) -> BatchPreparation:
        async with self.database.autocommit() as connection:
            out = await shares.left_out(connection, batch)
            deliveries = await called_for(connection, batch, out)
            again = await shares.called_back(connection, batch)
        return BatchPreparation(attempt, out, deliveries, obstacle, again)

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
                    paid(riders[share.payment_id], sighting.at, proof | ridden(transfer, share))
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
        found = await self._found(batch, attempt)
        async with self.database.transaction() as connection:
            riders, riding = await shares.riding(connection, batch)
            if not await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
                out = await shares.left_out(connection, batch)
                again = await batches.followed(connection, batch)
                return Ejection(out, again, await called_for(connection, batch, out))
            named = {riding[fault.index].number: fault.reason for fault in seen.failing}
            obstacles = found | named
            if not obstacles and seen.outcome is Outcome.FAILED_PARK:
                obstacles = dict.fromkeys(_numbers(riding), seen.why)
            out = at_fault(riding, obstacles)
            await shares.blame(connection, batch, out)
            survivors = [transfer for transfer in riding if transfer.number not in obstacles]
            await payments.move_all(connection, list(riders), PaymentStatus.PENDING)
            deliveries = await park(connection, riders, out, sighting.at)
            again = await batches.try_again(connection, batch, survivors, self.rail.channels)
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

    async def _found(self, batch: Batch, attempt: Attempt) -> dict[int, Reason]:
        """A void names nobody: the network is asked whose fault it was that one was needed."""
        if attempt.voids_code is None:
            return {}
        async with self.database.autocommit() as connection:
            _, riding = await shares.riding(connection, batch)
        return await self.rail.obstacles(riding) if riding else {}

    @activity.defn
    async def quarantine_batch(self, sighting: BatchSighting) -> list[str]:
        reason = sighting.observation.why
        async with self.database.transaction() as connection:
            if not await attempts.quarantine(connection, sighting.attempt):
                return []  # a person was faster
            riders, _ = await shares.riding(connection, sighting.batch)
            held = [(rider, reason) for rider in riders.values()]
            deliveries = await hold(connection, held, PaymentStatus.QUARANTINED, sighting.at)
        await self.quarantined(sighting.attempt, sighting.batch.id)
        return deliveries


def _numbers(riding: Sequence[Transfer]) -> list[int]:
    return [transfer.number for transfer in riding]
