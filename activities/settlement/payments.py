"""The activities of a payment: reserve, sign, store, and only then send; post what is proven."""

from dataclasses import replace
from datetime import datetime

from temporalio import activity

from activities.settlement.attempts import AttemptActivitiesImpl
from activities.settlement.direct_settlement import keep_alive, make_payment_directly
from activities.settlement.limits import SigningGate
from adapters.failpoints import reach
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts
from adapters.postgres.settlement.attempts import Reservation, make_attempt
from adapters.postgres.settlement.listings.payments import list_moved
from adapters.stellar.rail import Rail
from domain.errors import ChainUnavailable, IllegalTransition, Obstructed, TryAgain
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    AlreadyPaid,
    AwaitingChannel,
    Blocked,
    InBatch,
    ObservedAttempt,
    OnHold,
    Prepared,
    PreparePaymentResult,
    Redirected,
    SettlementRail,
    Voided,
)
from domain.settlement.manual_matches import (
    MatchTransferInput,
    OutOfBandTransfer,
    is_receipt,
    make_obstacle,
)
from domain.settlement.payments import (
    BlockPaymentInput,
    Payment,
    PaymentRecord,
    PaymentStatus,
    Receipt,
)
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.batches.mark_ready import mark_ready
from services.settlement.channels.reserve_channel import reserve_channel
from services.settlement.checks.read_payment import read_payment
from services.settlement.payments.confirm_from_chain import ConfirmFromChain, confirm_from_chain
from services.settlement.payments.confirm_payment import confirm_payment
from services.settlement.payments.fail_attempt import fail_attempt
from services.settlement.payments.match_transfer import match_transfer
from services.settlement.payments.quarantine_payment import quarantine_payment
from services.settlement.payments.read_receipt import read_receipt
from services.settlement.payments.stop_payment import stop_payment
from services.settlement.payments.store_envelope import store_envelope
from services.settlement.payouts.redirect_payment import redirect_payment
from workflows.payments import PaymentActivities


def _find_change(known: Payment, current: PaymentRecord) -> Redirected | Voided | None:
    """Return how the payment on record differs from the one that its workflow knows."""
    if current.status is PaymentStatus.VOIDED:
        return Voided()
    return None if current.payment == known else Redirected(current.payment)


class PaymentActivitiesImpl(AttemptActivitiesImpl, PaymentActivities):
    """With `batches_payments`, payments are settled by batches, and here only marked as ready."""

    def __init__(
        self,
        database: Database,
        rail: Rail,
        gate: SigningGate | None = None,
        *,
        batches_payments: bool = False,
    ) -> None:
        super().__init__(database, rail, gate)
        self.batches_payments = batches_payments

    @activity.defn
    async def settle_payment(self, payment: Payment) -> Receipt | None:
        async with keep_alive():
            return await make_payment_directly(self, payment)

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        now = self.gate.now()
        others = await self.gate.transfers.list_other_numbers(payment)
        known = await read_payment(self.database, payment.id, now, others)
        current, made = known.record, None
        if known.moved:
            current = await self._follow_payee(payment, now)
        if (changed := _find_change(payment, current)) is not None:
            return changed
        if known.named or self.gate.may_net:
            made = (await self.gate.find_out_of_band(payment)).get(payment.id)
        if made is not None and (made.matched or await self._confirm_from_chain(payment, made)):
            return AlreadyPaid(await read_receipt(self.database, payment))
        if (hold := await self.gate.find_hold(payment)) is not None:
            return await self._stop_unreserved(payment, hold)
        reach("before_reserve")
        reservation = await self._reserve(payment, made)
        if not isinstance(reservation, Reservation):
            return reservation
        reach("after_reserve")
        if reservation.succeeded:
            return AlreadyPaid(await read_receipt(self.database, payment))
        if reservation.batched:
            return InBatch()
        times_signed = 0
        if reservation.envelope is not None:
            attempt = make_attempt(reservation, reservation.envelope, resumed=True)
            if not await self.rail.is_expired(attempt):
                return Prepared(attempt)
            times_signed = len(await self.list_signed_hashes(attempt))
        return await self._sign_anew(payment, reservation, times_signed)

    async def _follow_payee(self, payment: Payment, at: datetime) -> PaymentRecord:
        """Redirect a payment; for that, free the channel that a run which died may have reserved to pay the old address."""
        async with self.database.autocommit() as connection:
            moved = await list_moved(connection, [payment.id], at)
            reservation = await attempts.get_reservation(connection, payment.id)
        if moved and reservation is not None and not reservation.batched:
            await self._release(reservation)
        return await redirect_payment(self.database, payment.id, at)

    async def _sign_anew(
        self, payment: Payment, reservation: Reservation, times_signed: int
    ) -> PreparePaymentResult:
        paused = await self.gate.pause(after_failure=reservation.n > 1)
        # Read after the reservation, and after the chain. An approval voided before it no longer counts, and none is
        # voided after it. While a channel is reserved for it, a payment is neither voided nor redirected. And whoever
        # matches a transfer sees the reservation, or is seen here.
        again, made = await self.gate.check_again(payment), None
        if (changed := _find_change(payment, again.record)) is not None:
            await self._release(reservation)
            return changed
        if again.may_be_made:
            made = (await self.gate.find_out_of_band(payment)).get(payment.id)
        if made is not None:
            if await self._confirm_from_chain(payment, made, reservation):
                return AlreadyPaid(await read_receipt(self.database, payment))
            return await self._give_back(reservation, Blocked(make_obstacle(payment, made)))
        if (hold := again.hold or paused) is not None:
            return await self._give_back(reservation, hold)
        try:
            envelope = await self.sign(
                reservation, [make_single_transfer(payment)], SettlementRail.SOROBAN, times_signed
            )
        except Obstructed as error:
            return await self._give_back(reservation, Blocked(error.reason))
        reach("after_sign")
        # Committed before the bytes are sent.
        stored = await store_envelope(self.database, payment, reservation, envelope)
        reach("after_store")
        return Prepared(make_attempt(reservation, stored, resumed=stored is not envelope))

    async def _confirm_from_chain(
        self, payment: Payment, made: OutOfBandTransfer, expired: Reservation | None = None
    ) -> bool:
        """Post what the chain shows to be exactly this payment; true when it is confirmed. `expired` can move nothing any more."""
        await self._require_corroboration(payment, made)
        dead = None
        if expired is not None and expired.envelope is not None:
            dead = make_attempt(expired, expired.envelope, resumed=True)
        confirming = ConfirmFromChain(payment, self.gate.now(), dead)
        if not await confirm_from_chain(self.database, confirming):
            return False
        reach("after_book")
        return True

    async def _require_corroboration(self, payment: Payment, made: OutOfBandTransfer) -> None:
        """Raise ChainUnavailable while only one node shows a transfer that would be this payment."""
        shown = is_receipt(payment, made) and await self.rail.is_corroborated(
            made.transaction_hash, made.ledger
        )
        if is_receipt(payment, made) and not shown:
            raise ChainUnavailable(
                f"too few nodes show transaction {made.transaction_hash}, which would be this payment: "
                "they are asked again; if one of them is wrong, take it out of STELLAR_RPC_URL"
            )

    async def _reserve(
        self, payment: Payment, made: OutOfBandTransfer | None
    ) -> Reservation | InBatch | AwaitingChannel | Blocked:
        """Reserve a (channel, sequence); or return what the payment waits for instead."""
        if self.batches_payments:
            reservation = await mark_ready(self.database, payment.id, wanted=made is None)
            if reservation is not None:
                return reservation
            if made is not None:
                return Blocked(make_obstacle(payment, made))
            return InBatch()
        found = await reserve_channel(self.database, payment, self.rail.channels)
        if isinstance(found, Reservation):
            return found
        return AwaitingChannel(found.next_check(self.gate.now()))

    async def _stop_unreserved(self, payment: Payment, why: OnHold) -> OnHold | Blocked:
        """Return the hold, and free the channel that a run which died may have reserved."""
        async with self.database.autocommit() as connection:
            reservation = await attempts.get_reservation(connection, payment.id)
        if reservation is None or reservation.batched:
            return why
        # It has no bytes that may still be applied: those are never put on hold.
        return await self._give_back(reservation, why)

    async def _give_back(self, reservation: Reservation, why: OnHold | Blocked) -> OnHold | Blocked:
        """Free the channel, since nothing can be signed now, unless bytes expired on it."""
        if reservation.envelope is not None:
            return replace(why, dead_after=reservation.envelope.max_ledger)
        await self._release(reservation)
        return why

    async def _release(self, reservation: Reservation) -> None:
        """Free the channel; not where bytes expired on it."""
        if reservation.envelope is not None:
            return
        if not await release_reservation(self.database, reservation):
            raise TryAgain(
                f"payment {reservation.payment_id} was changed by another process meanwhile; read it again"
            )

    @activity.defn
    async def confirm_payment(self, observed: ObservedAttempt) -> Receipt:
        try:
            receipt = await confirm_payment(self.database, observed)
        except IllegalTransition:
            receipt = await self._confirm_forgotten(observed)
        reach("after_book")
        return receipt

    async def _confirm_forgotten(self, observed: ObservedAttempt) -> Receipt:
        """Post from the chain what was paid by bytes that a database restored meanwhile does not know."""
        payment, attempt, seen = observed.payment, observed.attempt, observed.observation
        if attempt.hash in await self.list_signed_hashes(attempt):
            raise IllegalTransition(
                f"payment {payment.id} may not become confirmed by transaction {seen.hash}: the database shows "
                "another end of the same attempt; compare the two with: apexchainx payments explain"
            )
        made = None
        if await self.gate.has_read(seen.ledger):
            made = (await self.gate.find_out_of_band(payment)).get(payment.id)
        if made is None or not await self._confirm_from_chain(payment, made):
            raise TryAgain(
                f"the database was restored and does not know the bytes that paid payment {payment.id}; it is posted "
                f"once the chain is read up to ledger {seen.ledger}"
            )
        return await read_receipt(self.database, payment)

    @activity.defn
    async def match_transfer(self, matching: MatchTransferInput) -> None:
        await match_transfer(self.database, matching)

    @activity.defn
    async def fail_attempt(self, observed: ObservedAttempt) -> None:
        await fail_attempt(self.database, observed)
        reach("after_fail")

    @activity.defn
    async def block_payment(self, blocking: BlockPaymentInput) -> bool:
        recorded = await stop_payment(self.database, blocking)
        reach("after_block")
        return recorded

    @activity.defn
    async def quarantine_payment(self, observed: ObservedAttempt) -> None:
        if await quarantine_payment(self.database, observed):
            await self.stop_settlement(observed.attempt, observed.payment.correlation_id)
