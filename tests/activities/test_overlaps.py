"""
Runs of steps that overlap, and runs that come late: what one found out does not hold any more when
it is written down. Nobody is paid by bytes that were signed for others, or stopped with bytes alive.
"""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update
from temporalio.testing import ActivityEnvironment

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    allocations,
    attempts,
    batches,
    payments,
)
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.reasons import ReasonCode
from domain.settlement.attempts import (
    AttemptOutcome,
    InBatch,
    Observation,
    ObservedAttempt,
    OnHold,
    SettlementRail,
)
from domain.settlement.batches import (
    Batch,
    FormBatchesInput,
    ObservedBatch,
    Plan,
)
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.activities.settlement.test_circuit_breakers import close
from tests.activities.settlement.test_limits import approved
from tests.testkit.reasons import because
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    gathered,
    landed,
    on_chain,
    patiently,
    states,
)
from tests.testkit.settlement.payment_factory import NOW, payment_owed
from tests.testkit.settlement.preparations import get_attempt, get_reason

FOREIGN = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
LATER = NOW.replace(year=2100)


async def next_in_turn(database: Database, channel: str) -> None:
    """Let this channel be the next that is taken."""
    async with database.autocommit() as connection:
        for address, used_at in ((channels.c.address != channel, NOW), (None, None)):
            wanted = channels.c.address == channel if address is None else address
            await connection.execute(update(channels).where(wanted).values(used_at=used_at))


async def test_bytes_signed_for_others_are_not_stored_for_a_batch_of_the_same_name(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed, and before they are stored another run leaves all out and another batch is begun."""
    lead_payment_id, gone, other = [await payment_owed(database, "NAME") for _ in range(3)]
    steps, batch = await gathered(database, rail, CLASSIC, lead_payment_id, gone)
    sign, lives = rail.sign, PaymentActivitiesImpl(database, rail, batches_payments=True)

    async def overtaken(*asked: Any) -> Any:
        signed = await sign(*asked)
        monkeypatch.setattr(rail, "sign", sign)
        await begun_anew(database, lives, batch, [lead_payment_id, gone], [lead_payment_id, other])
        return signed

    monkeypatch.setattr(rail, "sign", overtaken)
    with pytest.raises(TryAgain):
        await steps.prepare_batch(batch)
    await steps.confirm_batch(await landed(steps, batch))
    assert await states(database, lead_payment_id, gone, other) == [
        ("confirmed", None),
        ("pending", None),
        ("confirmed", None),
    ]
    assert await on_chain(stack, lead_payment_id, gone, other) == [1, 0, 1]


async def begun_anew(
    database: Database,
    lives: PaymentActivitiesImpl,
    batch: Batch,
    before: list[Payment],
    after: list[Payment],
) -> None:
    """Everybody leaves a batch, it is given back, and one of its name is gathered from others."""
    async with database.transaction() as connection:
        held = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        assert held is not None
        assert await allocations.remove_members(
            connection, held, {each.id: None for each in before}
        )
        emptied = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        assert emptied is not None
        assert await attempts.release(connection, emptied)
    await next_in_turn(database, held.channel)
    for payment in after:
        assert isinstance(await lives.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        again = await batches.form_batch(connection, CLASSIC, LATER, lives.rail.channels)
        assert again == batch
        found = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
    assert found is not None
    assert (found.channel, found.sequence) == (held.channel, held.sequence)


async def test_who_is_stopped_while_bytes_are_stored_for_it_is_not_stopped(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "STOPPED")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    await steps.submit_payment(attempt)

    async def stop() -> bool:
        async with database.transaction() as connection:
            return await payments.stop(
                connection,
                payment.id,
                PaymentStatus.BLOCKED,
                because("found late"),
                attempt.max_ledger,
            )

    async with database.transaction() as connection:
        # As if the bytes before had been proven dead.
        await connection.execute(
            text("UPDATE attempts SET max_ledger = max_ledger + 1 WHERE payment_id = :id"),
            {"id": payment.id},
        )
        stopping = asyncio.create_task(stop())
        await waits_for_a_lock(database, stopping)
    assert await stopping is False
    assert await states(database, payment) == [("submitted", None)]


async def waits_for_a_lock(database: Database, task: "asyncio.Task[bool]") -> None:
    async with asyncio.timeout(10):
        while not task.done():
            async with database.autocommit() as connection:
                waiting = await connection.scalar(
                    text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                )
            if waiting:
                return
            await asyncio.sleep(0.02)


async def test_who_was_stopped_with_bytes_that_land_is_confirmed(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """Whatever the book says of it: the chain has paid, and nothing keeps that from being booked."""
    owed = [await payment_owed(database, "TRUTH") for _ in range(2)]
    steps, batch = await gathered(database, rail, CLASSIC, *owed)
    observed = await landed(steps, batch)
    async with database.autocommit() as connection:
        late = {"reason_code": ReasonCode.PAYEE_MISSING, "status_reason": "late"}
        await payments.move(connection, owed[0].id, PaymentStatus.BLOCKED, **late)
    await steps.confirm_batch(observed)
    assert await states(database, *owed) == [("confirmed", None)] * 2


async def test_who_comes_late_quarantines_no_channel_that_was_released(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "RELEASED")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    observed = ObservedAttempt(payment, attempt, FOREIGN, NOW)
    await steps.quarantine_payment(observed)
    assert await quarantined(database, attempt.channel)
    released = Observation(AttemptOutcome.FAILED_RETRY, reason="released")
    await steps.fail_attempt(ObservedAttempt(payment, attempt, released, NOW))
    async with database.transaction() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.release_sequence(connection, attempt)
    await close(database, steps.gate.circuit_breaker)
    assert await steps.quarantine_payment(observed) == []
    assert not await quarantined(database, attempt.channel)
    assert await steps.gate.circuit_breaker.reason() is None
    assert [status for status, _ in await states(database, payment)] == ["pending"]


async def quarantined(database: Database, channel: str) -> bool:
    async with database.autocommit() as connection:
        return bool(
            await connection.scalar(
                select(channels.c.quarantined).where(channels.c.address == channel)
            )
        )


async def test_survivors_are_not_put_on_a_channel_in_quarantine(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Thought to be used by strangers, and then found to have failed by our own bytes."""
    owed = [await payment_owed(database, "SURVIVOR") for _ in range(2)]
    steps, batch = await gathered(database, rail, CLASSIC, *owed)
    attempt = (await patiently(steps.prepare_batch, batch)).attempt
    assert attempt is not None
    await steps.quarantine_batch(ObservedBatch(batch, attempt, FOREIGN, NOW))
    failed = Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")
    ejection = await steps.fail_batch(ObservedBatch(batch, attempt, failed, NOW))
    assert ejection.again is None
    async with database.autocommit() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.release_sequence(connection, attempt)
    await close(database, steps.gate.circuit_breaker)


@pytest.mark.parametrize("plan", [Plan(SettlementRail.SOROBAN, 0), CLASSIC])
async def test_a_batch_under_way_is_lived_for_whatever_the_settings_say_by_now(
    api: httpx.AsyncClient, database: Database, rail: Rail, plan: Plan
) -> None:
    payment = await payment_owed(database, "SETTINGS")
    _, batch = await gathered(database, rail, CLASSIC, payment)
    steps = BatchActivitiesImpl(database, rail, plan)
    found = await ActivityEnvironment().run(steps.form_batches, FormBatchesInput(first=True))
    assert found is not None
    assert batch in found
    if not plan.batches_payments:
        again = await ActivityEnvironment().run(steps.form_batches, FormBatchesInput(first=False))
        assert again is None
    await steps.confirm_batch(await landed(steps, batch))
    assert await states(database, payment) == [("confirmed", None)]


class Voiding(SigningGate):
    """Right after it has let a payment go, its payee's address is changed."""

    asked = 0

    async def find_hold(self, payment: Payment) -> OnHold | None:
        answer = await super().find_hold(payment)
        self.asked += 1
        if self.asked == 1:
            async with self.database.transaction() as connection:
                voided = await void_approvals_within(connection, [payment.id], "changed", NOW)
            assert payment.id in voided
        return answer


async def test_approvals_that_are_voided_before_the_channel_is_reserved_do_not_count(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "VOIDED")
    for approver in ("ada", "bob"):
        await approved(database, payment, approver)
    gate = Voiding(database, Limits(approval_above=1))
    why = await PaymentActivitiesImpl(database, rail, gate).prepare_payment(payment)
    assert "waits for approval" in get_reason(why).sentence
    async with database.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None


async def test_approvals_of_a_payment_that_waits_with_dead_bytes_are_voided_like_any_other(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """It can be signed again; while it is being signed for the first time it is too late."""
    payment = await payment_owed(database, "DEAD-APPROVED")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    held = {"reason_code": ReasonCode.APPROVAL_REQUIRED, "status_reason": "it waits"}
    for status, given, expected in (
        (PaymentStatus.PREPARED, {}, []),
        (PaymentStatus.ON_HOLD, held, [payment.id]),
    ):
        await approved(database, payment, f"ada-{status}")
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
    resumed = get_attempt(await steps.prepare_payment(payment))
    await steps.submit_payment(resumed)
    seen = await steps.observe_payment(resumed)
    await steps.confirm_payment(ObservedAttempt(payment, resumed, seen, NOW))
