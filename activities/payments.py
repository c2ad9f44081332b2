"""Move the money: reserve, sign, store, and only then send; book what is proven."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.adoptions import adopt
from activities.attempts import AttemptActivities, attempt_of
from activities.limits import Gate
from adapters.failpoints import reach
from adapters.postgres import attempts, batches, envelopes, events, ledger, payments, webhooks
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain import evidence
from domain.adoptions import AdoptTransferInput, ByHand
from domain.attempts import Attempt, AttemptStatus, Preparation, SettlementRail, Sighting
from domain.audit import Leaf, by_engine, leaf
from domain.errors import Obstructed, TryAgain
from domain.events import Event, EventType, event, event_id
from domain.ledger import reservation, spent, unspent
from domain.payments import Parking, Payment, PaymentStatus, Receipt
from domain.reasons import Reason
from domain.shares import alone
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
            return Preparation(None, receipt=await self._receipt(payment))
        if (held_back := await self.gate.hold(payment)) is not None:
            return await self._kept_out(payment, held_back)
        reach("before_reserve")
        held = await self._reserved(payment, made)
        if isinstance(held, Preparation):
            return held
        reach("after_reserve")
        if held.succeeded:
            return Preparation(None, receipt=await self._receipt(payment))
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
        async with self.database.transaction() as connection:
            stored = await envelopes.store(connection, held, envelope)
            await ledger.book(connection, reservation(payment, held.n))
        reach("after_store")
        return Preparation(attempt_of(held, stored, resumed=stored is not envelope))

    async def _reserved(self, payment: Payment, made: ByHand | None) -> Reservation | Preparation:
        """Reserve a (channel, sequence); or say what the payment waits for instead."""
        ours = self.rail.channels
        async with self.database.autocommit() as connection:
            if self.gathers:
                if (held := await attempts.held(connection, payment.id)) is not None:
                    return held
                if made is not None:
                    return Preparation(None, made.obstacle)
                await batches.ready(connection, payment.id)
                return Preparation(None, gathered=True)
            if (held := await attempts.reserve(connection, payment.id, ours)) is not None:
                return held
            line = await attempts.line(connection, payment.number, ours)
        return Preparation(None, again_at=line.turn(self.gate.now()), queued=True)

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
        async with self.database.autocommit() as connection:
            if not await attempts.release(connection, held):
                raise TryAgain(f"payment {held.payment_id} has moved on meanwhile; look again")
        return why

    @activity.defn
    async def book_payment(self, sighting: Sighting) -> Receipt:
        payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
        confirmed_at = seen.closed_at or sighting.at
        transaction_hash = seen.hash or attempt.newest_hash
        proof = evidence.of_receipt(transaction_hash, seen.ledger, seen.fee_stroops, confirmed_at)
        async with self.database.transaction() as connection:
            await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED)
            await payments.confirm(
                connection,
                payment.id,
                transaction_hash=transaction_hash,
                ledger=seen.ledger,
                confirmed_at=confirmed_at,
            )
            settled = spent(payment, transaction_hash, attempt.n, attempt.payment_id)
            await ledger.book_many(connection, settled)
            deliveries = await events.publish_all(connection, [paid(payment, sighting.at, proof)])
            reach("in_booking")
        reach("after_book")
        return Receipt(
            payment.id,
            transaction_hash,
            seen.ledger,
            payment.amount_stroops,
            confirmed_at,
            deliveries,
        )

    @activity.defn
    async def adopt_transfer(self, adopting: AdoptTransferInput) -> None:
        await adopt(self.database, adopting)

    @activity.defn
    async def fail_attempt(self, sighting: Sighting) -> None:
        payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
        facts = {"transaction_hash": seen.hash, "ledger": seen.ledger, "reason": seen.reason}
        async with self.database.transaction() as connection:
            # Closed by an earlier run, the payment may have gone on since.
            if await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason):
                await payments.move(connection, payment.id, PaymentStatus.PENDING)
                given_back = unspent(payment, attempt.n, attempt.payment_id)
                await ledger.book_many(connection, given_back)
                failed = attempt_failed(payment, attempt, sighting.at, facts)
                await events.publish(connection, failed)
                reach("in_failing")
        reach("after_fail")

    @activity.defn
    async def park_payment(self, parking: Parking) -> list[str]:
        held = [(parking.payment, parking.reason)]
        async with self.database.transaction() as connection:
            deliveries = await hold(
                connection, held, parking.status, parking.at, parking.dead_after
            )
        reach("after_park")
        return deliveries

    @activity.defn
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        held = [(sighting.payment, sighting.observation.why)]
        async with self.database.transaction() as connection:
            if not await attempts.quarantine(connection, sighting.attempt):
                return []  # a person was faster
            deliveries = await hold(connection, held, PaymentStatus.QUARANTINED, sighting.at)
        await self.quarantined(sighting.attempt, sighting.payment.correlation_id)
        return deliveries

    async def _receipt(self, payment: Payment) -> Receipt:
        """Read back a payment that was booked by a run whose answer was lost."""
        processed = event_id(EventType.PAYMENT_PROCESSED, payment.outage_id, payment.id)
        async with self.database.autocommit() as connection:
            row = await payments.get(connection, payment.id)
            deliveries = await webhooks.called_for(connection, processed)
        return Receipt(
            payment.id,
            row["transaction_hash"],
            row["ledger"],
            row["amount_stroops"],
            row["confirmed_at"],
            deliveries,
        )


def paid(payment: Payment, at: datetime, proof: dict[str, Any]) -> tuple[Leaf, list[Event]]:
    """The leaf and the event that tell of a payment on the chain."""
    facts = evidence.of_payment(payment) | proof
    by, subject = by_engine(payment.correlation_id), f"outage/{payment.outage_id}"
    return (
        leaf(subject, "payment.confirmed", by, at, facts, payment.id),
        [event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, facts, payment.id)],
    )


def attempt_failed(payment: Payment, attempt: Attempt, at: datetime, facts: dict[str, Any]) -> Leaf:
    """The leaf that tells of a transaction without effect."""
    return leaf(
        f"outage/{payment.outage_id}",
        "payment.attempt_failed",
        by_engine(payment.correlation_id),
        at,
        evidence.of_payment(payment) | facts,
        payment.id,
        attempt.hash,
    )


async def hold(
    connection: AsyncConnection,
    held: Iterable[tuple[Payment, Reason]],
    status: PaymentStatus,
    at: datetime,
    dead_after: int | None = None,
) -> list[str]:
    """
    Stop payments, each with its reason; return the deliveries that tell of it: none of what could
    not be stopped. `dead_after` is the last ledger of the bytes they ride with, proven dead.
    """
    told = []
    kind = EventType.PAYMENT_HELD if status is PaymentStatus.HELD else EventType.PAYMENT_PARKED
    for payment, reason in held:
        if not await payments.stop(connection, payment.id, status, reason, dead_after):
            continue
        facts = evidence.of_payment(payment) | {
            "status": status,
            "reason_code": reason.code,
            "reason": reason.sentence,
        }
        key = (payment.id, reason.sentence)  # held again for the same reason is no news
        by, outage_id = by_engine(payment.correlation_id), payment.outage_id
        told.append(
            (
                leaf(f"outage/{outage_id}", f"payment.{status}", by, at, facts, *key),
                [event(kind, outage_id, at, facts, *key)],
            )
        )
    return await events.publish_all(connection, told)
