"""Settle many payments by one transaction: gather, leave out, sign, store; book or eject."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from temporalio import activity

from activities.attempts import AttemptActivities, attempt_of
from activities.limits import Gate
from activities.shares import call_back_stopped, leave_out_obstructed
from adapters.failpoints import reach
from adapters.postgres import batches, shares
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain.attempts import Attempt
from domain.batches import Batch, BatchPreparation, BatchSighting, Ejection, Gathering, Plan
from domain.envelopes import Envelope
from domain.errors import Obstructed, TryAgain
from domain.payments import PaymentStatus
from domain.reasons import Reason
from domain.shares import Transfer
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.batches.begin_batch import begin_batch
from services.settlement.batches.book_batch import book_batch
from services.settlement.batches.eject_batch import eject_batch
from services.settlement.batches.keep_batch_envelope import keep_batch_envelope
from services.settlement.batches.quarantine_batch import quarantine_batch
from services.settlement.batches.read_batch import read_batch, read_preparation
from services.settlement.batches.stop_batch import StopBatch, stop_batch
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
                now, ours = datetime.now(UTC), self.rail.channels
                batch = await begin_batch(self.database, self.plan, ours, now)
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
        record = await read_batch(self.database, batch)
        held, riders, riding = record.reservation, record.riders, record.riding
        if held is None or held.succeeded:
            return await read_preparation(self.database, batch, None)
        times_signed = 0
        if held.envelope is not None:
            attempt = attempt_of(held, held.envelope, resumed=True)
            if not await self.rail.is_dead(attempt):
                return await read_preparation(self.database, batch, attempt)
            times_signed = len(await self.signed(attempt))
        elif riding and (obstacles := await self.rail.obstacles(riding)):
            await leave_out_obstructed(self.database, held, riding, obstacles)
            raise TryAgain(f"batch {batch.id} goes on without {len(obstacles)} transfers")
        if riding and (silence := await self.gate.silence()):
            if held.envelope is not None:
                return await self._stuck(batch, held.envelope, silence, PaymentStatus.HELD)
            return await read_preparation(self.database, batch, None, silence)
        if held.envelope is not None and (made := await self.gate.by_hand(*riders)):
            why = next(iter(made.values())).obstacle
            return await self._stuck(batch, held.envelope, why, PaymentStatus.PARKED)
        if held.envelope is None and (
            left := await call_back_stopped(self.database, self.gate, held, riders, riding)
        ):
            raise TryAgain(f"batch {batch.id} goes on without {left} payments")
        return await self._signed_anew(batch, held, riding, times_signed)

    async def _signed_anew(
        self, batch: Batch, held: Reservation, riding: Sequence[Transfer], times_signed: int
    ) -> BatchPreparation:
        if sum(len(transfer.shares) for transfer in riding) != held.riders:
            raise TryAgain(f"batch {batch.id} lost a payment meanwhile; read it again")
        async with self.database.autocommit() as connection:
            rail = await shares.rail_of(connection, batch)
        if not riding:
            emptied = await read_preparation(self.database, batch, None)
            await release_reservation(self.database, held)
            return emptied
        try:
            envelope = await self.sign(held, riding, rail, times_signed)
        except Obstructed as error:
            if held.envelope is not None:
                return await self._stuck(batch, held.envelope, error.reason, PaymentStatus.PARKED)
            obstacles = dict.fromkeys(_numbers(riding), error.reason)
            await leave_out_obstructed(self.database, held, riding, obstacles)
            raise TryAgain(f"batch {batch.id} cannot be signed: {error}") from error
        reach("after_sign")
        # Committed before the first byte leaves the process.
        stored = await keep_batch_envelope(self.database, batch, held, envelope, riding)
        reach("after_store")
        attempt = attempt_of(held, stored, resumed=stored is not envelope)
        return await read_preparation(self.database, batch, attempt)

    async def _stuck(
        self, batch: Batch, dead: Envelope, obstacle: Reason, status: PaymentStatus
    ) -> BatchPreparation:
        """
        Bytes that are dead by now cannot be followed by others. Nobody may leave, the pair is
        theirs until it is consumed: all are told what must change, and wait together.
        """
        stop = StopBatch(batch, obstacle, status, dead.max_ledger, datetime.now(UTC))
        deliveries = await stop_batch(self.database, stop)
        prepared = await read_preparation(self.database, batch, None, obstacle)
        return replace(prepared, deliveries=[*prepared.deliveries, *deliveries])

    @activity.defn
    async def book_batch(self, sighting: BatchSighting) -> list[str]:
        settled = await book_batch(self.database, sighting)
        reach("after_book")
        return settled

    @activity.defn
    async def eject_batch(self, sighting: BatchSighting) -> Ejection:
        found = await self._found(sighting.batch, sighting.attempt)
        ejection = await eject_batch(self.database, sighting, found, self.rail.channels)
        reach("after_fail")
        return ejection

    async def _found(self, batch: Batch, attempt: Attempt) -> dict[int, Reason]:
        """A void names nobody: the network is asked whose fault it was that one was needed."""
        if attempt.voids_code is None:
            return {}
        riding = (await read_batch(self.database, batch)).riding
        return await self.rail.obstacles(riding) if riding else {}

    @activity.defn
    async def quarantine_batch(self, sighting: BatchSighting) -> list[str]:
        deliveries = await quarantine_batch(self.database, sighting)
        if deliveries is None:
            return []  # a person was faster
        await self.quarantined(sighting.attempt, sighting.batch.id)
        return deliveries


def _numbers(riding: Sequence[Transfer]) -> list[int]:
    return [transfer.number for transfer in riding]
