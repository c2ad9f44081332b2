"""
Mistakes of other submitters, made here on purpose: the checks must find each of them.

Each is a signer that differs from the real one in a single decision.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.failpoints import reach
from adapters.postgres.settlement import attempts, envelopes
from adapters.postgres.settlement.attempts import make_attempt
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from domain.errors import Obstructed
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Blocked,
    Observation,
    OnHold,
    Prepared,
    PreparePaymentResult,
    SettlementRail,
    Voided,
)
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.settlement.payments import Payment


class TimeoutMeansNotSent(PaymentActivitiesImpl):
    """An error on the wire frees the channel, and the payment is built anew on another."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.failed_on_the_wire:
            self.failed_on_the_wire = False
            return Observation(AttemptOutcome.FAILED_RETRY, reason="the call failed")
        return await super().observe_payment(attempt)

    failed_on_the_wire = False

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        answer = await super().submit_payment(attempt)
        self.failed_on_the_wire = answer.status is SendStatus.UNKNOWN
        return answer


class BadSequenceMeansRebuild(PaymentActivitiesImpl):
    """txBAD_SEQ refreshes the sequence and signs again, without a look for the old hash."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.detail == "txBAD_SEQ":
            return Observation(AttemptOutcome.FAILED_RETRY, reason="txBAD_SEQ")
        return await super().observe_payment(attempt)


class TryAgainLaterMeansAnotherChannel(PaymentActivitiesImpl):
    """TRY_AGAIN_LATER, which a node also answers for what was applied, moves to a new channel."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.TRY_AGAIN_LATER:
            return Observation(AttemptOutcome.FAILED_RETRY, reason="busy")
        return await super().observe_payment(attempt)


class NotFoundMeansFailed(PaymentActivitiesImpl):
    """What was not seen for a while is taken for dead, by patience and not by proof."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if seen.outcome is AttemptOutcome.OPEN:
            return replace(seen, outcome=AttemptOutcome.FAILED_RETRY, reason="not found")
        return seen


class StoredAfterSending(PaymentActivitiesImpl):
    """Bytes leave the process before they are kept."""

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        async with self.database.autocommit() as connection:
            reservation = await attempts.reserve(connection, payment.id, self.rail.channels)
        if reservation.envelope is not None or reservation.succeeded:
            return await super().prepare_payment(payment)
        try:
            envelope = await self.rail.sign(
                [make_single_transfer(payment)],
                SettlementRail.SOROBAN,
                reservation.channel,
                reservation.sequence,
                0,
            )
        except Obstructed:
            return await super().prepare_payment(payment)
        await self.rail.send(envelope.xdr)
        # What the real one does before it sends comes only now, if it comes at all.
        reach("after_sign")
        async with self.database.autocommit() as connection:
            stored = await envelopes.store(connection, reservation, envelope)
        return Prepared(make_attempt(reservation, stored.envelope, resumed=False))


class UnknownBytesMeanRetry(PaymentActivitiesImpl):
    """A sequence consumed by bytes nobody knows is no reason to stop: it is tried elsewhere."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if seen.outcome is AttemptOutcome.FOREIGN:
            return replace(seen, outcome=AttemptOutcome.FAILED_RETRY)
        return seen


class AcceptedMeansPaid(PaymentActivitiesImpl):
    """PENDING, which only says that one node has queued it, is taken for the payment."""

    answered = SendAnswer(SendStatus.UNKNOWN)

    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self.answered = await super().submit_payment(attempt)
        return self.answered

    async def observe_payment(self, attempt: Attempt) -> Observation:
        if self.answered.status is SendStatus.PENDING:
            return Observation(AttemptOutcome.SUCCEEDED, 1, datetime.now(UTC))
        return await super().observe_payment(attempt)


class NoopMeansPaid(PaymentActivitiesImpl):
    """A no-op transaction that a ledger shows as applied is taken for the payment that it replaces."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        seen = await super().observe_payment(attempt)
        if attempt.noop_reason and seen.outcome is AttemptOutcome.FAILED_BLOCKED:
            return replace(seen, outcome=AttemptOutcome.SUCCEEDED)
        return seen


class DeadBytesSayNothing(PaymentActivitiesImpl):
    """A payment whose bytes expired, and that cannot be signed again, waits as if it were under way."""

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        preparation = await super().prepare_payment(payment)
        if isinstance(preparation, OnHold | Blocked):
            return replace(preparation, dead_after=None)
        return preparation


class BelievesOneNode(PaymentActivitiesImpl):
    """What one node says became of a transaction counts, and no second one is asked."""

    async def observe_payment(self, attempt: Attempt) -> Observation:
        self.rail.witnesses.confirm = believe  # type: ignore[method-assign]
        return await super().observe_payment(attempt)


class PaysWhatIsVoided(PaymentActivitiesImpl):
    """A debt that somebody has voided is paid all the same, since its workflow was started to pay it."""

    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        preparation = await super().prepare_payment(payment)
        if not isinstance(preparation, Voided):
            return preparation
        async with self.database.autocommit() as connection:
            reservation = await attempts.reserve(connection, payment.id, self.rail.channels)
        if reservation is not None:
            envelope = await self.rail.sign(
                [make_single_transfer(payment)],
                SettlementRail.SOROBAN,
                reservation.channel,
                reservation.sequence,
                0,
            )
            await self.rail.send(envelope.xdr)
        return preparation


async def believe(claim: LedgerInclusion, *_others: Any) -> LedgerInclusion:
    return claim


FAULTY_SIGNERS = [
    TimeoutMeansNotSent,
    BadSequenceMeansRebuild,
    TryAgainLaterMeansAnotherChannel,
    NotFoundMeansFailed,
    StoredAfterSending,
    UnknownBytesMeanRetry,
    AcceptedMeansPaid,
    NoopMeansPaid,
    DeadBytesSayNothing,
    BelievesOneNode,
    PaysWhatIsVoided,
]
