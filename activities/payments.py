"""Move the money: reserve, sign, store, and only then send; book what is proven."""

from datetime import datetime

from temporalio import activity

from activities.limits import Gate
from adapters.postgres import attempts, events, ledger, payments, webhooks
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain import evidence
from domain.attempts import (
    Attempt,
    AttemptStatus,
    Envelope,
    Observation,
    Preparation,
    Sighting,
)
from domain.audit import by_engine, leaf
from domain.digests import instant
from domain.errors import ChainUnavailable, Obstructed
from domain.events import EventType, event, event_id
from domain.ledger import settlement
from domain.payments import Parking, Payment, PaymentStatus, Receipt
from workflows.payments import PaymentSteps


class PaymentActivities(PaymentSteps):
    def __init__(self, database: Database, rail: Rail, gate: Gate | None = None) -> None:
        self.database = database
        self.rail = rail
        self.gate = gate or Gate(database)

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> Preparation:
        if (held_back := await self.gate.hold(payment)) is not None:
            return held_back
        async with self.database.autocommit() as connection:
            held = await attempts.reserve(connection, payment.id)
        if held.succeeded:
            return Preparation(None, receipt=await self._receipt(payment))
        times_signed = 0
        if held.envelope is not None:
            attempt = _attempt(held, held.envelope, resumed=True)
            if not await self.rail.is_dead(attempt, lambda: self._signed(attempt)):
                return Preparation(attempt)
            if (held_back := await self.gate.pause()) is not None:
                return held_back
            times_signed = len(await self._signed(attempt))
        try:
            envelope = await self.rail.sign_transfer(
                payment, held.channel, held.sequence, times_signed
            )
        except Obstructed as error:
            async with self.database.autocommit() as connection:
                await attempts.release(connection, held)
            return Preparation(None, str(error))
        if held.envelope is not None and envelope.max_ledger <= held.envelope.max_ledger:
            raise ChainUnavailable(
                "the node lags behind the ledger that proved the last bytes dead"
            )
        # Committed before the first byte leaves the process.
        async with self.database.autocommit() as connection:
            stored = await attempts.store(connection, held, envelope)
        return Preparation(_attempt(held, stored, resumed=stored is not envelope))

    @activity.defn
    async def submit_payment(self, attempt: Attempt) -> str:
        if (silence := await self.gate.silence()) is not None:
            return silence
        answer = await self.rail.send(attempt.envelope_xdr)
        async with self.database.autocommit() as connection:
            await attempts.note_submission(connection, attempt, answer)
        await self.gate.breaker.heard(answer, attempt.payment_id)
        return answer

    @activity.defn
    async def observe_payment(self, attempt: Attempt) -> Observation:
        return await self.rail.observe(attempt, lambda: self._signed(attempt))

    @activity.defn
    async def book_payment(self, sighting: Sighting) -> Receipt:
        payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
        confirmed_at = seen.closed_at or sighting.at
        facts = evidence.of_payment(payment) | {
            "transaction_hash": attempt.hash,
            "ledger": seen.ledger,
            "fee_stroops": str(seen.fee_stroops),
            "confirmed_at": instant(confirmed_at),
        }
        async with self.database.transaction() as connection:
            await attempts.finish(connection, attempt, AttemptStatus.SUCCEEDED)
            await payments.confirm(
                connection,
                payment.id,
                transaction_hash=attempt.hash,
                ledger=seen.ledger,
                confirmed_at=confirmed_at,
            )
            await ledger.book(connection, settlement(payment, attempt.hash))
            outage_id, at = payment.outage_id, sighting.at
            by = by_engine(payment.correlation_id)
            deliveries = await events.publish(
                connection,
                leaf(f"outage/{outage_id}", "payment.confirmed", by, at, facts, payment.id),
                event(EventType.PAYMENT_PROCESSED, outage_id, at, facts, payment.id),
            )
        return Receipt(
            payment.id, attempt.hash, seen.ledger, payment.amount_stroops, confirmed_at, deliveries
        )

    @activity.defn
    async def fail_attempt(self, sighting: Sighting) -> None:
        payment, attempt, seen = sighting.payment, sighting.attempt, sighting.observation
        facts = {"transaction_hash": attempt.hash, "ledger": seen.ledger, "reason": seen.reason}
        async with self.database.transaction() as connection:
            await attempts.finish(connection, attempt, AttemptStatus.FAILED, seen.reason)
            await payments.move(connection, payment.id, PaymentStatus.PENDING)
            await events.publish(
                connection,
                leaf(
                    f"outage/{payment.outage_id}",
                    "payment.attempt_failed",
                    by_engine(payment.correlation_id),
                    sighting.at,
                    evidence.of_payment(payment) | facts,
                    attempt.hash,
                ),
            )

    @activity.defn
    async def park_payment(self, parking: Parking) -> list[str]:
        return await self._hold(parking.payment, parking.status, parking.reason, parking.at)

    @activity.defn
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        async with self.database.transaction() as connection:
            await attempts.quarantine(connection, sighting.attempt.channel)
        await self.gate.breaker.trip(
            f"payment {sighting.payment.id} is quarantined: unknown bytes used "
            f"channel {sighting.attempt.channel}",
            sighting.payment.correlation_id,
        )
        return await self._hold(
            sighting.payment,
            PaymentStatus.QUARANTINED,
            sighting.observation.reason,
            sighting.at,
        )

    async def _hold(
        self, payment: Payment, status: PaymentStatus, reason: str, at: datetime
    ) -> list[str]:
        facts = evidence.of_payment(payment) | {"status": status, "reason": reason}
        key = (payment.id, reason)  # parked again for the same reason is no news
        by, outage_id = by_engine(payment.correlation_id), payment.outage_id
        held = status is PaymentStatus.HELD
        told = EventType.PAYMENT_HELD if held else EventType.PAYMENT_PARKED
        async with self.database.transaction() as connection:
            if not await payments.move(connection, payment.id, status, parked_reason=reason):
                await payments.restate(connection, payment.id, status, reason)
            return await events.publish(
                connection,
                leaf(f"outage/{outage_id}", f"payment.{status}", by, at, facts, *key),
                event(told, outage_id, at, facts, *key),
            )

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

    async def _signed(self, attempt: Attempt) -> list[str]:
        async with self.database.transaction() as connection:
            return await attempts.hashes(connection, attempt.payment_id, attempt.n)


def _attempt(held: Reservation, envelope: Envelope, *, resumed: bool) -> Attempt:
    return Attempt(
        held.payment_id,
        held.n,
        held.channel,
        held.sequence,
        envelope.max_ledger,
        envelope.hash,
        envelope.xdr,
        resumed,
    )
