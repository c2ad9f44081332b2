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

from activities.batches import BatchActivities
from activities.limits import Gate
from activities.payments import PaymentActivities
from adapters.postgres import attempts, batches, payments, shares
from adapters.postgres.database import Database
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from domain.attempts import (
    Observation,
    Outcome,
    Preparation,
    SettlementRail,
    Sighting,
)
from domain.batches import Batch, BatchSighting, Gathering, Plan
from domain.errors import TryAgain
from domain.limits import Limits
from domain.payments import Payment, PaymentStatus
from domain.reasons import ReasonCode
from sandbox.stack import Stack
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.activities.test_breakers import close
from tests.activities.test_limits import approved
from tests.gathering import CLASSIC, gathered, landed, on_chain, patiently, states
from tests.owing import NOW, payment_owed
from tests.reasons import because

FOREIGN = Observation(Outcome.FOREIGN, reason="consumed by bytes we do not know")
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
    leader, gone, other = [await payment_owed(database, "NAME") for _ in range(3)]
    steps, batch = await gathered(database, rail, CLASSIC, leader, gone)
    sign, lives = rail.sign, PaymentActivities(database, rail, gathers=True)

    async def overtaken(*asked: Any) -> Any:
        signed = await sign(*asked)
        monkeypatch.setattr(rail, "sign", sign)
        await begun_anew(database, lives, batch, [leader, gone], [leader, other])
        return signed

    monkeypatch.setattr(rail, "sign", overtaken)
    with pytest.raises(TryAgain):
        await steps.prepare_batch(batch)
    await steps.book_batch(await landed(steps, batch))
    assert await states(database, leader, gone, other) == [
        ("confirmed", None),
        ("pending", None),
        ("confirmed", None),
    ]
    assert await on_chain(stack, leader, gone, other) == [1, 0, 1]


async def begun_anew(
    database: Database,
    lives: PaymentActivities,
    batch: Batch,
    before: list[Payment],
    after: list[Payment],
) -> None:
    """Everybody leaves a batch, it is given back, and one of its name is gathered from others."""
    async with database.transaction() as connection:
        held = await attempts.reserved(connection, batch.leader, batch.n)
        assert held is not None
        assert await shares.leave_out(connection, held, {each.id: None for each in before})
        emptied = await attempts.reserved(connection, batch.leader, batch.n)
        assert emptied is not None
        assert await attempts.release(connection, emptied)
    await next_in_turn(database, held.channel)
    for payment in after:
        assert (await lives.prepare_payment(payment)).gathered
    async with database.transaction() as connection:
        again = await batches.gather(connection, CLASSIC, LATER, lives.rail.channels)
        assert again == batch
        found = await attempts.reserved(connection, batch.leader, batch.n)
    assert found is not None
    assert (found.channel, found.sequence) == (held.channel, held.sequence)


async def test_who_is_stopped_while_bytes_are_stored_for_it_is_not_stopped(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "STOPPED")
    steps = PaymentActivities(database, rail)
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    await steps.submit_payment(attempt)

    async def stop() -> bool:
        async with database.transaction() as connection:
            return await payments.stop(
                connection,
                payment.id,
                PaymentStatus.PARKED,
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
    sighting = await landed(steps, batch)
    async with database.autocommit() as connection:
        late = {"reason_code": ReasonCode.PAYEE_MISSING, "status_reason": "late"}
        await payments.move(connection, owed[0].id, PaymentStatus.PARKED, **late)
    await steps.book_batch(sighting)
    assert await states(database, *owed) == [("confirmed", None)] * 2


async def test_who_comes_late_quarantines_no_channel_that_was_released(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "RELEASED")
    steps = PaymentActivities(database, rail)
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    sighting = Sighting(payment, attempt, FOREIGN, NOW)
    await steps.quarantine_payment(sighting)
    assert await quarantined(database, attempt.channel)
    released = Observation(Outcome.FAILED_RETRY, reason="released")
    await steps.fail_attempt(Sighting(payment, attempt, released, NOW))
    async with database.transaction() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.leave_sequence(connection, attempt)
    await close(database, steps.gate.breaker)
    assert await steps.quarantine_payment(sighting) == []
    assert not await quarantined(database, attempt.channel)
    assert await steps.gate.breaker.reason() is None
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
    await steps.quarantine_batch(BatchSighting(batch, attempt, FOREIGN, NOW))
    failed = Observation(Outcome.FAILED_RETRY, reason="txFAILED")
    ejection = await steps.eject_batch(BatchSighting(batch, attempt, failed, NOW))
    assert ejection.again is None
    async with database.autocommit() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.leave_sequence(connection, attempt)
    await close(database, steps.gate.breaker)


@pytest.mark.parametrize("plan", [Plan(SettlementRail.SOROBAN, 0), CLASSIC])
async def test_a_batch_under_way_is_lived_for_whatever_the_settings_say_by_now(
    api: httpx.AsyncClient, database: Database, rail: Rail, plan: Plan
) -> None:
    payment = await payment_owed(database, "SETTINGS")
    _, batch = await gathered(database, rail, CLASSIC, payment)
    steps = BatchActivities(database, rail, plan)
    found = await ActivityEnvironment().run(steps.gather_batches, Gathering(first=True))
    assert found is not None
    assert batch in found
    if not plan.gathers:
        again = await ActivityEnvironment().run(steps.gather_batches, Gathering(first=False))
        assert again is None
    await steps.book_batch(await landed(steps, batch))
    assert await states(database, payment) == [("confirmed", None)]


class Voiding(Gate):
    """Right after it has let a payment go, its payee's address is changed."""

    asked = 0

    async def hold(self, payment: Payment) -> Preparation | None:
        answer = await super().hold(payment)
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
    why = await PaymentActivities(database, rail, gate).prepare_payment(payment)
    assert why.attempt is None
    assert "waits for approval" in why.why
    async with database.autocommit() as connection:
        assert await attempts.held(connection, payment.id) is None


async def test_approvals_of_a_payment_that_waits_with_dead_bytes_are_voided_like_any_other(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """It can be signed again; while it is being signed for the first time it is too late."""
    payment = await payment_owed(database, "DEAD-APPROVED")
    steps = PaymentActivities(database, rail)
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    held = {"reason_code": ReasonCode.APPROVAL_REQUIRED, "status_reason": "it waits"}
    for status, given, expected in (
        (PaymentStatus.PREPARED, {}, []),
        (PaymentStatus.HELD, held, [payment.id]),
    ):
        await approved(database, payment, f"ada-{status}")
        async with database.transaction() as connection:
            await payments.move(connection, payment.id, status, **given)
            assert await void_approvals_within(connection, [payment.id], "changed", NOW) == expected
    gate = Gate(database, Limits(approval_above=1))
    why = await PaymentActivities(database, rail, gate).prepare_payment(payment)
    assert (why.attempt, why.dead_after) == (None, attempt.max_ledger)
    assert "waits for approval" in why.why
    async with database.transaction() as connection:
        await payments.move(connection, payment.id, PaymentStatus.PREPARED)
    resumed = (await steps.prepare_payment(payment)).attempt
    assert resumed is not None
    await steps.submit_payment(resumed)
    seen = await steps.observe_payment(resumed)
    await steps.book_payment(Sighting(payment, resumed, seen, NOW))
