"""Approvals that were voided or withdrawn before the signature do not count."""

import httpx

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    approvals,
    attempts,
    payments,
)
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.reasons import ReasonCode
from domain.settlement.attempts import (
    InBatch,
    ObservedAttempt,
    OnHold,
)
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.activities.settlement.limits.test_approvals import approve
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    count_credits,
    form_batch,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason


async def test_a_member_that_lost_an_approval_leaves_before_signing(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """It was withdrawn while the payment waited for its batch; the gate alone finds out."""
    payment, other = [await owe_payment(database, "LOST", minutes) for minutes in (25, 20)]
    gate = SigningGate(database, Limits(approval_above=payment.amount_stroops - 1))
    payment_activities = PaymentActivitiesImpl(database, rail, gate, batches_payments=True)
    for name in ("ada", "bob"):
        await approve(database, payment, name)
    assert isinstance(await payment_activities.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, "ada", NOW)
    activities, batch = await form_batch(database, rail, CLASSIC, other, gate=gate)
    gone = await run_until_accepted(activities.prepare_batch, batch)
    assert gone.withdrawn == [payment.id]
    hold = await payment_activities.prepare_payment(payment)
    assert get_reason(hold).code is ReasonCode.APPROVAL_REQUIRED
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await count_credits(stack, payment, other) == [0, 1]
    await approve(database, payment, "cyd")
    _, again = await form_batch(database, rail, CLASSIC, payment, gate=gate)
    await activities.confirm_batch(await submit_batch(activities, again))
    assert await count_credits(stack, payment, other) == [1, 1]


class VoidingGate(SigningGate):
    """A gate that voids the approvals of a payment right after it has admitted it."""

    asked = 0

    async def find_hold(self, payment: Payment) -> OnHold | None:
        answer = await super().find_hold(payment)
        self.asked += 1
        if self.asked == 1:
            async with self.database.transaction() as connection:
                voided = await void_approvals_within(connection, [payment.id], "changed", NOW)
            assert payment.id in voided
        return answer


async def test_approvals_voided_before_the_reservation_do_not_count(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "VOIDED")
    for approver in ("ada", "bob"):
        await approve(database, payment, approver)
    gate = VoidingGate(database, Limits(approval_above=1))
    why = await PaymentActivitiesImpl(database, rail, gate).prepare_payment(payment)
    assert "waits for approval" in get_reason(why).sentence
    async with database.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None


async def test_approvals_of_a_payment_with_an_expired_envelope_are_voided(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """It can be signed again; while it is being signed for the first time it is too late."""
    payment = await owe_payment(database, "DEAD-APPROVED")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    reason = {"reason_code": ReasonCode.APPROVAL_REQUIRED, "status_reason": "it waits"}
    for status, given, expected in (
        (PaymentStatus.PREPARED, {}, []),
        (PaymentStatus.ON_HOLD, reason, [payment.id]),
    ):
        await approve(database, payment, f"ada-{status}")
        async with database.transaction() as connection:
            await payments.move(connection, payment.id, status, **given)
            assert await void_approvals_within(connection, [payment.id], "changed", NOW) == expected
    gate = SigningGate(database, Limits(approval_above=1))
    why = await PaymentActivitiesImpl(database, rail, gate).prepare_payment(payment)
    assert isinstance(why, OnHold)
    assert why.dead_after == attempt.max_ledger
    assert "waits for approval" in why.reason.sentence
    async with database.transaction() as connection:
        await payments.move(connection, payment.id, PaymentStatus.PREPARED)
    resumed = get_attempt(await activities.prepare_payment(payment))
    await activities.submit_payment(resumed)
    seen = await activities.observe_payment(resumed)
    await activities.confirm_payment(ObservedAttempt(payment, resumed, seen, NOW))
