"""
What others do wrong with batches, done here on purpose: the check must find each of them.

Each is a signer that differs from the real one in a single decision.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from sqlalchemy import text

from activities.settlement.batches import BatchActivitiesImpl
from adapters.postgres.accounting import journal
from adapters.postgres.settlement import (
    allocations,
    attempts,
    envelopes,
    payments,
)
from adapters.postgres.settlement.attempts import make_attempt
from domain.accounting.journal import make_released_entries
from domain.errors import Obstructed
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    Prepared,
    SettlementRail,
)
from domain.settlement.batches import (
    Batch,
    FailBatchResult,
    ObservedBatch,
    PrepareBatchResult,
)
from domain.settlement.envelopes import Envelope, SendAnswer, SendStatus
from domain.settlement.payments import PaymentStatus


class OneCallFailedMeansNoneIsPaid(BatchActivitiesImpl):
    """An error on the wire removes all members, and they are batched again on the next channel."""

    failed_on_the_wire = False

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        answer = await super().submit_payment(attempt)
        self.failed_on_the_wire = answer.status is SendStatus.UNKNOWN
        return answer

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.failed_on_the_wire:
            self.failed_on_the_wire = False
            return Observation(AttemptOutcome.FAILED_RETRY, reason="the call failed")
        return await super().observe_payment(attempt)


class SignsForWhoIsLeftOut(BatchActivitiesImpl):
    """Bytes are signed before it is known who cannot be paid, and kept after those were removed."""

    signed_first: ClassVar[dict[str, tuple[Envelope, list[int]]]] = {}

    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        async with self.database.autocommit() as connection:
            reserved = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
            _, everybody = await allocations.get_members(connection, batch)
            rail = await allocations.get_rail(connection, batch) if everybody else None
        unsigned = reserved is not None and not reserved.envelope
        if batch.resubmitted or not unsigned or rail is not SettlementRail.CLASSIC:
            return await super().prepare_batch(batch)
        if batch.id not in self.signed_first:
            try:
                signed = await self.rail.sign(
                    everybody, rail, reserved.channel, reserved.sequence, 0
                )
            except Obstructed:
                return await super().prepare_batch(batch)
            numbers = [transfer.number for transfer in everybody]
            self.signed_first[batch.id] = signed, numbers
        # The real one leaves out who cannot be paid, and signs for the rest.
        preparation = await super().prepare_batch(batch)
        if not isinstance(preparation.state, Prepared):
            return preparation
        async with self.database.transaction() as connection:
            # Past the guard of what was signed, which would stop this one.
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(
                text("DELETE FROM envelopes WHERE payment_id = :lead_payment_id AND n = :n"),
                {"lead_payment_id": batch.lead_payment_id, "n": batch.n},
            )
            await connection.execute(
                text(
                    "UPDATE attempts SET max_ledger = NULL WHERE payment_id = :lead_payment_id AND n = :n"
                ),
                {"lead_payment_id": batch.lead_payment_id, "n": batch.n},
            )
            now = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
            assert now is not None
            stored = await envelopes.store(connection, now, self.signed_first[batch.id][0])
        return replace(
            preparation, state=Prepared(make_attempt(now, stored.envelope, resumed=False))
        )

    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        """Count only the failed operations of payments that are still in the batch."""
        _, numbers = self.signed_first.get(observed.batch.id, (None, None))
        if numbers is None:
            return await super().fail_batch(observed)
        async with self.database.autocommit() as connection:
            _, transfers = await allocations.get_members(connection, observed.batch)
        places = {transfer.number: place for place, transfer in enumerate(transfers)}
        failing = [
            replace(fault, index=places[numbers[fault.index]])
            for fault in observed.observation.failing
            if numbers[fault.index] in places
        ]
        seen = replace(observed.observation, failing=failing)
        return await super().fail_batch(replace(observed, observation=seen))


class TheNumberMeansThePayment(BatchActivitiesImpl):
    """Of what was netted only the payment whose number the chain shows is taken for paid."""

    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        batch = observed.batch
        async with self.database.transaction() as connection:
            members, transfers = await allocations.get_members(connection, batch)
            shown = {transfer.number for transfer in transfers}
            unseen = [member for member in members.values() if member.number not in shown]
            ids = [member.id for member in unseen]
            await connection.execute(
                text(
                    """
                    UPDATE allocations SET live = false
                    WHERE lead_payment_id = :lead_payment_id AND n = :n AND payment_id = ANY(:ids)
                    """
                ),
                {"lead_payment_id": batch.lead_payment_id, "n": batch.n, "ids": ids},
            )
            await payments.move_all(connection, ids, PaymentStatus.PENDING)
            back = [
                entry
                for member in unseen
                for entry in make_released_entries(member, batch.n, batch.lead_payment_id)
            ]
            await journal.post_entries(connection, back)
        return await super().confirm_batch(observed) + ids


class AcceptedMeansAllArePaid(BatchActivitiesImpl):
    """PENDING, which only says that one node has queued it, is taken for the whole batch."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.PENDING:
            return Observation(AttemptOutcome.SUCCEEDED, 1, datetime.now(UTC))
        return await super().observe_payment(attempt)


FAULTY_BATCH_SIGNERS = [
    OneCallFailedMeansNoneIsPaid,
    SignsForWhoIsLeftOut,
    TheNumberMeansThePayment,
    AcceptedMeansAllArePaid,
]
