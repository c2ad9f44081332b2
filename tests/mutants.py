"""
What other submitters do wrong, done here on purpose: the check must find each of them.

Each is a signer that differs from the real one in a single decision.
"""

from dataclasses import replace
from datetime import UTC, datetime

from activities.attempts import attempt_of
from activities.payments import PaymentActivities
from adapters.failpoints import reach
from adapters.postgres import attempts, envelopes
from domain.attempts import (
    Attempt,
    Observation,
    Outcome,
    Preparation,
    SettlementRail,
)
from domain.envelopes import SendAnswer, SendStatus
from domain.errors import Obstructed
from domain.payments import Payment
from domain.shares import alone


class TimeoutMeansNotSent(PaymentActivities):
    """An error on the wire frees the channel, and the payment is built anew on another."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.failed_on_the_wire:
            self.failed_on_the_wire = False
            return Observation(Outcome.FAILED_RETRY, reason="the call failed")
        return await super().observe_payment(attempt)

    failed_on_the_wire = False

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        answer = await super().submit_payment(attempt)
        self.failed_on_the_wire = answer.status is SendStatus.UNKNOWN
        return answer


class BadSequenceMeansRebuild(PaymentActivities):
    """txBAD_SEQ refreshes the sequence and signs again, without a look for the old hash."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.detail == "txBAD_SEQ":
            return Observation(Outcome.FAILED_RETRY, reason="txBAD_SEQ")
        return await super().observe_payment(attempt)


class TryAgainLaterMeansAnotherChannel(PaymentActivities):
    """TRY_AGAIN_LATER, which a node also answers for what was applied, moves to a new channel."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.TRY_AGAIN_LATER:
            return Observation(Outcome.FAILED_RETRY, reason="busy")
        return await super().observe_payment(attempt)


class NotFoundMeansFailed(PaymentActivities):
    """What was not seen for a while is taken for dead, by patience and not by proof."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if seen.outcome is Outcome.OPEN:
            return replace(seen, outcome=Outcome.FAILED_RETRY, reason="not found")
        return seen


class StoredAfterSending(PaymentActivities):
    """Bytes leave the process before they are kept."""

    async def prepare_payment(self, payment: Payment) -> Preparation:
        async with self.database.autocommit() as connection:
            held = await attempts.reserve(connection, payment.id, self.rail.channels)
        if held.envelope is not None or held.succeeded:
            return await super().prepare_payment(payment)
        try:
            envelope = await self.rail.sign(
                [alone(payment)], SettlementRail.SOROBAN, held.channel, held.sequence, 0
            )
        except Obstructed:
            return await super().prepare_payment(payment)
        await self.rail.send(envelope.xdr)
        # What the real one does before it sends comes only now, if it comes at all.
        reach("after_sign")
        async with self.database.autocommit() as connection:
            stored = await envelopes.store(connection, held, envelope)
        return Preparation(attempt_of(held, stored, resumed=False))


class UnknownBytesMeanRetry(PaymentActivities):
    """A sequence consumed by bytes nobody knows is no reason to stop: it is tried elsewhere."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if seen.outcome is Outcome.FOREIGN:
            return replace(seen, outcome=Outcome.FAILED_RETRY)
        return seen


class AcceptedMeansPaid(PaymentActivities):
    """PENDING, which only says that one node has queued it, is taken for the payment."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.PENDING:
            return Observation(Outcome.SUCCEEDED, 1, datetime.now(UTC))
        return await super().observe_payment(attempt)


class VoidMeansPaid(PaymentActivities):
    """A void that a ledger shows as applied is taken for the payment that it stands in for."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if attempt.voids and seen.outcome is Outcome.FAILED_PARK:
            return replace(seen, outcome=Outcome.SUCCEEDED)
        return seen


class DeadBytesSayNothing(PaymentActivities):
    """Whose bytes died, and who cannot be signed again, waits as if it were on its way."""

    async def prepare_payment(self, payment: Payment) -> Preparation:
        return replace(await super().prepare_payment(payment), dead_after=None)


MUTANTS = [
    TimeoutMeansNotSent,
    BadSequenceMeansRebuild,
    TryAgainLaterMeansAnotherChannel,
    NotFoundMeansFailed,
    StoredAfterSending,
    UnknownBytesMeanRetry,
    AcceptedMeansPaid,
    VoidMeansPaid,
    DeadBytesSayNothing,
]
