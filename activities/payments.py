"""Move the money: reserve, sign, store, and only then send; book what is proven."""

from dataclasses import replace

from temporalio import activity

from activities.attempts import AttemptActivities, attempt_of
from activities.limits import Gate
from adapters.failpoints import reach
from adapters.postgres import attempts
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain.adoptions import AdoptTransferInput, ByHand
from domain.attempts import Preparation, SettlementRail, Sighting
from domain.errors import Obstructed, TryAgain
from domain.payments import Parking, Payment, Receipt
from domain.shares import alone
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.batches.join_batching import join_batching
from services.settlement.payments.adopt_transfer import adopt_transfer
from services.settlement.payments.book_payment import book_payment
from services.settlement.payments.fail_attempt import fail_attempt
from services.settlement.payments.keep_envelope import keep_envelope
from services.settlement.payments.quarantine_payment import quarantine_payment
from services.settlement.payments.read_receipt import read_receipt
from services.settlement.payments.reserve_channel import reserve_channel
from services.settlement.payments.stop_payment import stop_payment
from workflows.payments import PaymentSteps


class PaymentActivities(AttemptActivities, PaymentSteps):
    """With `gathers`, payments are settled together, and here only made ready for it."""

    def __init__(
        self, database: Database, rail: Rail, gate: Gate | None = None, *, gathers: bool = False
    ) -> None:
        super().__init__(database, rail, gate)
        self.gathers = gathers

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> Preparation:
        made = (await self.gate.by_hand(payment.id)).get(payment.id)
        if made is not None and made.adopted:
            return Preparation(None, receipt=await read_receipt(self.database, payment))
        if (held_back := await self.gate.hold(payment)) is not None:
            return await self._kept_out(payment, held_back)
        reach("before_reserve")
        held = await self._reserved(payment, made)
        if isinstance(held, Preparation):
            return held
        reach("after_reserve")
        if held.succeeded:
            return Preparation(None, receipt=await read_receipt(self.database, payment))
        if held.batched:
            return Preparation(None, gathered=True)
        times_signed = 0
        if held.envelope is not None:
            attempt = attempt_of(held, held.envelope, resumed=True)
            if not await self.rail.is_dead(attempt):
                return Preparation(attempt)
            times_signed = len(await self.signed(attempt))
        return await self._signed_anew(payment, held, times_signed)

    async def _signed_anew(
        self, payment: Payment, held: Reservation, times_signed: int
    ) -> Preparation:
        # Asked again now that it is reserved for: an approval that was voided before does not count
        # any more, and none is voided from now on.
        if (stopped := await self.gate.hold(payment) or await self.gate.pause()) is not None:
            return await self._given_back(held, stopped)
        # And it was reserved before this is read: whoever adopts a transfer sees one or the other.
        if made := await self.gate.by_hand(payment.id):
            return await self._given_back(held, Preparation(None, made[payment.id].obstacle))
        try:
            envelope = await self.sign(held, [alone(payment)], SettlementRail.SOROBAN, times_signed)
        except Obstructed as error:
            return await self._given_back(held, Preparation(None, error.reason))
        reach("after_sign")
        # Committed before the first byte leaves the process.
        stored = await keep_envelope(self.database, payment, held, envelope)
        reach("after_store")
        return Preparation(attempt_of(held, stored, resumed=stored is not envelope))

    async def _reserved(self, payment: Payment, made: ByHand | None) -> Reservation | Preparation:
        """Reserve a (channel, sequence); or say what the payment waits for instead."""
        if self.gathers:
            held = await join_batching(self.database, payment.id, wanted=made is None)
            if held is not None:
                return held
            if made is not None:
                return Preparation(None, made.obstacle)
            return Preparation(None, gathered=True)
        found = await reserve_channel(self.database, payment, self.rail.channels)
        if isinstance(found, Reservation):
            return found
        return Preparation(None, again_at=found.turn(self.gate.now()), queued=True)

    async def _kept_out(self, payment: Payment, why: Preparation) -> Preparation:
        """A limit stops it; what a run that died had reserved for it, others may have."""
        async with self.database.autocommit() as connection:
            held = await attempts.held(connection, payment.id)
        if held is None or held.batched:
            return why
        # Had it bytes that may still land, nobody would have been asked whether it may go.
        return await self._given_back(held, why)

    async def _given_back(self, held: Reservation, why: Preparation) -> Preparation:
        """Nothing can be signed now: others may have the channel, unless bytes died on it."""
        if held.envelope is not None:
            return replace(why, dead_after=held.envelope.max_ledger)
        if not await release_reservation(self.database, held):
            raise TryAgain(
                f"payment {held.payment_id} was changed by another process meanwhile; read it again"
            )
        return why

    @activity.defn
    async def book_payment(self, sighting: Sighting) -> Receipt:
        receipt = await book_payment(self.database, sighting)
        reach("after_book")
        return receipt

    @activity.defn
    async def adopt_transfer(self, adopting: AdoptTransferInput) -> None:
        await adopt_transfer(self.database, adopting)

    @activity.defn
    async def fail_attempt(self, sighting: Sighting) -> None:
        await fail_attempt(self.database, sighting)
        reach("after_fail")

    @activity.defn
    async def park_payment(self, parking: Parking) -> list[str]:
        deliveries = await stop_payment(self.database, parking)
        reach("after_park")
        return deliveries

    @activity.defn
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        deliveries = await quarantine_payment(self.database, sighting)
        if deliveries is None:
            return []  # a person was faster
        await self.quarantined(sighting.attempt, sighting.payment.correlation_id)
        return deliveries
