"""
Activity runs that overlap or come late: what a run found is no longer true when
it is stored. Nobody is paid by an envelope signed for others, or blocked with a live envelope.
"""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update
from temporalio.testing import ActivityEnvironment

from activities.settlement.batches import BatchActivitiesImpl
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
    SettlementRail,
)
from domain.settlement.batches import (
    Batch,
    FormBatchesInput,
    ObservedBatch,
    Plan,
)
from domain.settlement.payments import Payment, PaymentStatus
from tests.activities.settlement.test_circuit_breakers import close_circuit_breaker
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt

FOREIGN = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
LATER = NOW.replace(year=2100)


async def make_next_channel(database: Database, channel: str) -> None:
    """Let this channel be the next that is taken."""
    async with database.autocommit() as connection:
        for address, used_at in ((channels.c.address != channel, NOW), (None, None)):
            wanted = channels.c.address == channel if address is None else address
            await connection.execute(update(channels).where(wanted).values(used_at=used_at))


async def test_an_envelope_of_other_members_is_not_stored_for_a_batch_of_the_same_id(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed, and before it is stored another run removes all members and another batch is formed."""
    lead, gone, other = [await owe_payment(database, "NAME") for _ in range(3)]
    activities, batch = await form_batch(database, rail, CLASSIC, lead, gone)
    sign, payment_activities = (
        rail.sign,
        PaymentActivitiesImpl(database, rail, batches_payments=True),
    )

    async def overtaken(*asked: Any) -> Any:
        signed = await sign(*asked)
        monkeypatch.setattr(rail, "sign", sign)
        await form_again(database, payment_activities, batch, [lead, gone], [lead, other])
        return signed

    monkeypatch.setattr(rail, "sign", overtaken)
    with pytest.raises(TryAgain):
        await activities.prepare_batch(batch)
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, lead, gone, other) == [
        ("confirmed", None),
        ("pending", None),
        ("confirmed", None),
    ]
    assert await count_credits(stack, lead, gone, other) == [1, 0, 1]


async def form_again(
    database: Database,
    payment_activities: PaymentActivitiesImpl,
    batch: Batch,
    before: list[Payment],
    after: list[Payment],
) -> None:
    """Remove all members of a batch, release it, and form one of the same id from others."""
    async with database.transaction() as connection:
        reservation = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        assert reservation is not None
        assert await allocations.remove_members(
            connection, reservation, {each.id: None for each in before}
        )
        emptied = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        assert emptied is not None
        assert await attempts.release(connection, emptied)
    await make_next_channel(database, reservation.channel)
    for payment in after:
        assert isinstance(await payment_activities.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        again = await batches.form_batch(
            connection, CLASSIC, LATER, payment_activities.rail.channels
        )
        assert again == batch
        found = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
    assert found is not None
    assert (found.channel, found.sequence) == (reservation.channel, reservation.sequence)


async def test_a_payment_is_not_blocked_while_its_envelope_is_stored(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "STOPPED")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    await activities.submit_payment(attempt)

    async def stop() -> bool:
        async with database.transaction() as connection:
            return await payments.stop(
                connection,
                payment.id,
                PaymentStatus.BLOCKED,
                make_reason("found late"),
                attempt.max_ledger,
            )

    async with database.transaction() as connection:
        # As if the envelope before had been proven expired.
        await connection.execute(
            text("UPDATE attempts SET max_ledger = max_ledger + 1 WHERE payment_id = :id"),
            {"id": payment.id},
        )
        stopping = asyncio.create_task(stop())
        await wait_for_lock(database, stopping)
    assert await stopping is False
    assert await read_statuses(database, payment) == [("submitted", None)]


async def wait_for_lock(database: Database, task: "asyncio.Task[bool]") -> None:
    async with asyncio.timeout(10):
        while not task.done():
            async with database.autocommit() as connection:
                waiting = await connection.scalar(
                    text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                )
            if waiting:
                return
            await asyncio.sleep(0.02)


async def test_a_blocked_payment_whose_envelope_lands_is_confirmed(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The chain has paid, and no status in the database keeps that from being posted."""
    owed = [await owe_payment(database, "TRUTH") for _ in range(2)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    observed = await submit_batch(activities, batch)
    async with database.autocommit() as connection:
        late = {"reason_code": ReasonCode.PAYEE_MISSING, "status_reason": "late"}
        await payments.move(connection, owed[0].id, PaymentStatus.BLOCKED, **late)
    await activities.confirm_batch(observed)
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2


async def test_a_late_run_does_not_quarantine_a_released_channel(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "RELEASED")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    observed = ObservedAttempt(payment, attempt, FOREIGN, NOW)
    await activities.quarantine_payment(observed)
    assert await is_quarantined(database, attempt.channel)
    released = Observation(AttemptOutcome.FAILED_RETRY, reason="released")
    await activities.fail_attempt(ObservedAttempt(payment, attempt, released, NOW))
    async with database.transaction() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.release_sequence(connection, attempt)
    await close_circuit_breaker(database, activities.gate.circuit_breaker)
    assert await activities.quarantine_payment(observed) == []
    assert not await is_quarantined(database, attempt.channel)
    assert await activities.gate.circuit_breaker.reason() is None
    assert [status for status, _ in await read_statuses(database, payment)] == ["pending"]


async def is_quarantined(database: Database, channel: str) -> bool:
    async with database.autocommit() as connection:
        return bool(
            await connection.scalar(
                select(channels.c.quarantined).where(channels.c.address == channel)
            )
        )


async def test_remaining_members_get_no_quarantined_channel(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Quarantined as used by others, and then found to have failed by our own envelope."""
    owed = [await owe_payment(database, "SURVIVOR") for _ in range(2)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    await activities.quarantine_batch(ObservedBatch(batch, attempt, FOREIGN, NOW))
    failed = Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")
    failure = await activities.fail_batch(ObservedBatch(batch, attempt, failed, NOW))
    assert failure.again is None
    async with database.autocommit() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.release_sequence(connection, attempt)
    await close_circuit_breaker(database, activities.gate.circuit_breaker)


@pytest.mark.parametrize("plan", [Plan(SettlementRail.SOROBAN, 0), CLASSIC])
async def test_a_batch_under_way_goes_on_whatever_the_settings_are(
    api: httpx.AsyncClient, database: Database, rail: Rail, plan: Plan
) -> None:
    payment = await owe_payment(database, "SETTINGS")
    _, batch = await form_batch(database, rail, CLASSIC, payment)
    activities = BatchActivitiesImpl(database, rail, plan)
    found = await ActivityEnvironment().run(activities.form_batches, FormBatchesInput(first=True))
    assert found is not None
    assert batch in found
    if not plan.batches_payments:
        again = await ActivityEnvironment().run(
            activities.form_batches, FormBatchesInput(first=False)
        )
        assert again is None
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, payment) == [("confirmed", None)]
