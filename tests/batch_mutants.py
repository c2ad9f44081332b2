"""
What others do wrong with batches, done here on purpose: the check must find each of them.

Each is a signer that differs from the real one in a single decision.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from sqlalchemy import text

from activities.attempts import attempt_of
from activities.batches import BatchActivities
from adapters.postgres import attempts, envelopes, ledger, payments, shares
from domain.attempts import Attempt, Observation, Outcome, SettlementRail
from domain.batches import Batch, BatchPreparation, BatchSighting, Ejection
from domain.envelopes import Envelope, SendAnswer, SendStatus
from domain.errors import Obstructed
from domain.ledger import unspent
from domain.payments import PaymentStatus


class OneCallFailedMeansNoneIsPaid(BatchActivities):
    """An error on the wire sends everybody back, and they are put together under the next pair."""

    failed_on_the_wire = False

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        answer = await super().submit_payment(attempt)
        self.failed_on_the_wire = answer.status is SendStatus.UNKNOWN
        return answer

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.failed_on_the_wire:
            self.failed_on_the_wire = False
            return Observation(Outcome.FAILED_RETRY, reason="the call failed")
        return await super().observe_payment(attempt)


class SignsForWhoIsLeftOut(BatchActivities):
    """Bytes are signed before it is known who cannot be paid, and kept after they were left out."""

    signed_first: ClassVar[dict[str, tuple[Envelope, list[int]]]] = {}

    async def prepare_batch(self, batch: Batch) -> BatchPreparation:
        async with self.database.autocommit() as connection:
            held = await attempts.reserved(connection, batch.leader, batch.n)
            _, everybody = await shares.riding(connection, batch)
            rail = await shares.rail_of(connection, batch) if everybody else None
        if batch.resubmitted or held is None or held.envelope or rail is not SettlementRail.CLASSIC:
            return await super().prepare_batch(batch)
        if batch.id not in self.signed_first:
            try:
                signed = await self.rail.sign(everybody, rail, held.channel, held.sequence, 0)
            except Obstructed:
                return await super().prepare_batch(batch)
            numbers = [transfer.number for transfer in everybody]
            self.signed_first[batch.id] = signed, numbers
        # The real one leaves out who cannot be paid, and signs for the rest.
        preparation = await super().prepare_batch(batch)
        if preparation.attempt is None:
            return preparation
        async with self.database.transaction() as connection:
            # Past the guard of what was signed, which would stop this one.
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(
                text("DELETE FROM envelopes WHERE payment_id = :leader AND n = :n"),
                {"leader": batch.leader, "n": batch.n},
            )
            await connection.execute(
                text("UPDATE attempts SET max_ledger = NULL WHERE payment_id = :leader AND n = :n"),
                {"leader": batch.leader, "n": batch.n},
            )
            now = await attempts.reserved(connection, batch.leader, batch.n)
            assert now is not None
            stored = await envelopes.store(connection, now, self.signed_first[batch.id][0])
        return replace(preparation, attempt=attempt_of(now, stored, resumed=False))

    async def eject_batch(self, sighting: BatchSighting) -> Ejection:
        """Of the operations that failed, only those are the batch's that still ride in it."""
        _, numbers = self.signed_first.get(sighting.batch.id, (None, None))
        if numbers is None:
            return await super().eject_batch(sighting)
        async with self.database.autocommit() as connection:
            _, riding = await shares.riding(connection, sighting.batch)
        places = {transfer.number: place for place, transfer in enumerate(riding)}
        failing = [
            replace(fault, index=places[numbers[fault.index]])
            for fault in sighting.observation.failing
            if numbers[fault.index] in places
        ]
        seen = replace(sighting.observation, failing=failing)
        return await super().eject_batch(replace(sighting, observation=seen))


class TheNumberMeansThePayment(BatchActivities):
    """Of what was netted only the payment whose number the chain shows is taken for paid."""

    async def book_batch(self, sighting: BatchSighting) -> list[str]:
        batch = sighting.batch
        async with self.database.transaction() as connection:
            riders, riding = await shares.riding(connection, batch)
            shown = {transfer.number for transfer in riding}
            unseen = [rider for rider in riders.values() if rider.number not in shown]
            ids = [rider.id for rider in unseen]
            await connection.execute(
                text(
                    """
                    UPDATE shares SET live = false
                    WHERE leader = :leader AND n = :n AND payment_id = ANY(:ids)
                    """
                ),
                {"leader": batch.leader, "n": batch.n, "ids": ids},
            )
            await payments.move_all(connection, ids, PaymentStatus.PENDING)
            back = [entry for rider in unseen for entry in unspent(rider, batch.n, batch.leader)]
            await ledger.book_many(connection, back)
        return await super().book_batch(sighting) + ids


class AcceptedMeansAllArePaid(BatchActivities):
    """PENDING, which only says that one node has queued it, is taken for the whole batch."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.PENDING:
            return Observation(Outcome.SUCCEEDED, 1, datetime.now(UTC))
        return await super().observe_payment(attempt)


BATCH_MUTANTS = [
    OneCallFailedMeansNoneIsPaid,
    SignsForWhoIsLeftOut,
    TheNumberMeansThePayment,
    AcceptedMeansAllArePaid,
]
