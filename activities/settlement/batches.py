"""The activities of a batch: form, remove who cannot be paid, sign, store; confirm or fail."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from temporalio import activity

from activities.settlement.allocations import remove_obstructed, withdraw_stopped
from activities.settlement.attempts import AttemptActivitiesImpl
from activities.settlement.limits import SigningGate
from adapters.failpoints import reach
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, batches, payments
from adapters.postgres.settlement.attempts import Reservation, make_attempt
from adapters.stellar.rail import Rail
from domain.errors import ChainUnavailable, Obstructed, TryAgain
from domain.reasons import Reason, ReasonCode
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation, Prepared
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    FailBatchResult,
    FormBatchesInput,
    ObservedBatch,
    ObstructedBatch,
    Plan,
    PrepareBatchResult,
)
from domain.settlement.envelopes import Envelope
from domain.settlement.manual_matches import OutOfBandTransfer, is_receipt, make_obstacle
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.batches.confirm_batch import confirm_batch
from services.settlement.batches.fail_batch import fail_batch
from services.settlement.batches.form_batch import form_batch
from services.settlement.batches.give_up_batch import give_up_batch
from services.settlement.batches.quarantine_batch import quarantine_batch
from services.settlement.batches.read_batch import read_batch, read_preparation
from services.settlement.batches.remove_stopped import remove_stopped
from services.settlement.batches.stop_batch import StopBatch, stop_batch
from services.settlement.batches.store_batch_envelope import store_batch_envelope
from workflows.batches import BatchActivities

LOOK_EVERY_SECONDS = 0.2
LOOK_FOR_SECONDS = 60.0
AT_ONCE_MAX = 20


class BatchActivitiesImpl(AttemptActivitiesImpl, BatchActivities):
    def __init__(
        self, database: Database, rail: Rail, plan: Plan, gate: SigningGate | None = None
    ) -> None:
        super().__init__(database, rail, gate)
        self.plan = plan

    @activity.defn
    async def form_batches(self, forming: FormBatchesInput) -> list[Batch] | None:
        if forming.first or activity.info().attempt > 1:
            async with self.database.autocommit() as connection:
                if lost := await batches.list_open(connection):
                    return lost
        if not self.plan.batches_payments:
            return None  # batches that were formed under other settings are settled all the same
        found: list[Batch] = []
        end = time.monotonic() + LOOK_FOR_SECONDS
        while time.monotonic() < end and len(found) < AT_ONCE_MAX:
            batch = None
            if await self.gate.get_signing_obstacle() is None:
                reach("before_reserve")
                now, ours = datetime.now(UTC), self.rail.channels
                batch = await form_batch(self.database, self.plan, ours, now)
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
    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        record = await read_batch(self.database, batch)
        reserved, members, transfers = record.reservation, record.members, record.transfers
        if reserved is None or reserved.succeeded:
            return await read_preparation(self.database, batch, EmptyBatch())
        times_signed = 0
        if reserved.envelope is not None:
            attempt = make_attempt(reserved, reserved.envelope, resumed=True)
            if not await self.rail.is_expired(attempt):
                return await read_preparation(self.database, batch, Prepared(attempt))
            times_signed = len(await self.list_signed_hashes(attempt))
        elif transfers and (obstacles := await self.rail.find_obstacles(transfers)):
            await remove_obstructed(self.database, reserved, transfers, obstacles)
            raise TryAgain(f"batch {batch.id} continues without {len(obstacles)} transfers")
        again = reserved.envelope is None and reserved.n > 1
        if transfers and (obstacle := await self.gate.get_signing_obstacle(after_failure=again)):
            return await self._wait_for(batch, reserved, members, obstacle)
        if reserved.envelope is not None:
            if (ended := await self._end_expired(batch, reserved, members)) is not None:
                return ended
        elif left := await withdraw_stopped(self.database, self.gate, reserved, members, transfers):
            raise TryAgain(f"batch {batch.id} continues without {left} payments")
        return await self._sign_anew(batch, reserved, transfers, times_signed)

    async def _wait_for(
        self,
        batch: Batch,
        reserved: Reservation,
        members: Mapping[str, Payment],
        obstacle: Reason,
    ) -> PrepareBatchResult:
        """Wait while nothing may be signed; for what a person ends, each payment by itself, if nothing is signed yet."""
        if reserved.envelope is not None:
            return await self._stop_members(
                batch, reserved.envelope, obstacle, PaymentStatus.ON_HOLD
            )
        if obstacle.code is ReasonCode.CIRCUIT_BREAKER_OPEN:
            # That may take days. Each says then why it waits, may be voided, and follows its payee.
            await remove_stopped(self.database, reserved, [*members], members)
            raise TryAgain(f"batch {batch.id} lets its payments go: {obstacle}")
        return await read_preparation(self.database, batch, ObstructedBatch(obstacle))

    async def _end_expired(
        self, batch: Batch, reserved: Reservation, members: Mapping[str, Payment]
    ) -> PrepareBatchResult | None:
        """End a batch whose bytes expired where some of its payments are paid or stopped by now; None where it goes on."""
        if made := await self.gate.find_out_of_band(*members.values()):
            return await self._go_on_without(batch, reserved, members, list(made.values()))
        # Only those that waited since are asked: an approval may be taken back meanwhile, and another day has begun.
        if holds := await self.gate.find_holds_again(list(members.values())):
            stopped = min(holds)
            why = f"expired unused, and payment {stopped} is stopped: {holds[stopped].reason}"
            return await self._give_up(batch, reserved, why)
        return None

    async def _go_on_without(
        self,
        batch: Batch,
        reserved: Reservation,
        members: Mapping[str, Payment],
        made: Sequence[OutOfBandTransfer],
    ) -> PrepareBatchResult:
        """End a batch whose bytes expired, when the chain shows some of its payments to be paid otherwise."""
        assert reserved.envelope is not None
        paid = [each for each in made if is_receipt(members[each.payment_id], each)]
        if not paid:
            why = make_obstacle(members[made[0].payment_id], made[0])
            return await self._stop_members(batch, reserved.envelope, why, PaymentStatus.BLOCKED)
        reason = f"expired unused, and transaction {paid[0].transaction_hash} has paid {paid[0].payment_id}"
        return await self._give_up(batch, reserved, reason)

    async def _give_up(
        self, batch: Batch, reserved: Reservation, reason: str
    ) -> PrepareBatchResult:
        """End a batch whose bytes are dead; each of its payments finds for itself how it goes on."""
        assert reserved.envelope is not None
        dead = make_attempt(reserved, reserved.envelope, resumed=True)
        if not await self.rail.is_dead(dead):
            # What is signed for its payments next has another pair: both could be applied.
            raise ChainUnavailable(
                f"too few nodes show that the bytes of batch {batch.id} have expired: they are asked again"
            )
        expired = Observation(AttemptOutcome.EXPIRED, reserved.envelope.max_ledger, reason=reason)
        left = await give_up_batch(
            self.database, ObservedBatch(batch, dead, expired, datetime.now(UTC))
        )
        emptied = await read_preparation(self.database, batch, EmptyBatch())
        return replace(emptied, withdrawn=[*emptied.withdrawn, *left])

    async def _sign_anew(
        self, batch: Batch, reserved: Reservation, transfers: Sequence[Transfer], times_signed: int
    ) -> PrepareBatchResult:
        if sum(len(transfer.allocations) for transfer in transfers) != reserved.members:
            raise TryAgain(f"batch {batch.id} lost a payment meanwhile; read it again")
        async with self.database.autocommit() as connection:
            rail = await allocations.get_rail(connection, batch)
        if not transfers:
            emptied = await read_preparation(self.database, batch, EmptyBatch())
            await release_reservation(self.database, reserved)
            return emptied
        try:
            envelope = await self.sign(reserved, transfers, rail, times_signed)
        except Obstructed as error:
            if reserved.envelope is not None:
                return await self._stop_members(
                    batch, reserved.envelope, error.reason, PaymentStatus.BLOCKED
                )
            obstacles = dict.fromkeys(_list_numbers(transfers), error.reason)
            await remove_obstructed(self.database, reserved, transfers, obstacles)
            raise TryAgain(f"batch {batch.id} cannot be signed: {error}") from error
        reach("after_sign")
        # Committed before the bytes are sent.
        stored = await store_batch_envelope(self.database, batch, reserved, envelope, transfers)
        reach("after_store")
        attempt = make_attempt(reserved, stored, resumed=stored is not envelope)
        return await read_preparation(self.database, batch, Prepared(attempt))

    async def _stop_members(
        self, batch: Batch, dead: Envelope, obstacle: Reason, status: PaymentStatus
    ) -> PrepareBatchResult:
        """
        Stop all members, because nothing can be signed after the expired bytes. No payment may leave:
        the (channel, sequence) is theirs until it is consumed. All wait, with the same reason.
        """
        stop = StopBatch(batch, obstacle, status, dead.max_ledger, datetime.now(UTC))
        await stop_batch(self.database, stop)
        return await read_preparation(self.database, batch, ObstructedBatch(obstacle))

    @activity.defn
    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        settled = await confirm_batch(self.database, observed)
        reach("after_book")
        return settled

    @activity.defn
    async def find_workflows(self, payment_ids: list[str]) -> list[str]:
        async with self.database.autocommit() as connection:
            names = await payments.find_workflow_ids(connection, payment_ids)
        # A database that was restored meanwhile may not know them all.
        return [names.get(each, "") for each in payment_ids]

    @activity.defn
    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        found = await self._find_at_fault(observed.batch, observed.attempt)
        failed = await fail_batch(self.database, observed, found, self.rail.channels)
        reach("after_fail")
        return failed

    async def _find_at_fault(self, batch: Batch, attempt: Attempt) -> dict[int, Reason]:
        """Ask the network which transfers made a no-op transaction necessary; it names none itself."""
        if attempt.noop_reason_code is None:
            return {}
        transfers = (await read_batch(self.database, batch)).transfers
        return await self.rail.find_obstacles(transfers) if transfers else {}

    @activity.defn
    async def quarantine_batch(self, observed: ObservedBatch) -> None:
        if await quarantine_batch(self.database, observed):
            await self.stop_settlement(observed.attempt, observed.batch.id)


def _list_numbers(transfers: Sequence[Transfer]) -> list[int]:
    return [transfer.number for transfer in transfers]
