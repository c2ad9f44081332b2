"""Runs of a batch's activities that overlap or come late."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update
from temporalio.testing import ActivityEnvironment

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    allocations,
    attempts,
    batches,
)
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import (
    AttemptOutcome,
    InBatch,
    Observation,
    SettlementRail,
)
from domain.settlement.batches import (
    Batch,
    FormBatchesInput,
    ObservedBatch,
    Plan,
)
from domain.settlement.payments import Payment
from tests.activities.settlement.test_circuit_breakers import close_circuit_breaker
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
