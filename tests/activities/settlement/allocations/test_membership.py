"""Which payments join a batch, how many, and who leaves before it is signed."""

import httpx

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, batches, payments
from adapters.stellar.rail import Rail
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from domain.settlement.attempts import InBatch
from domain.settlement.limits import Limits
from domain.settlement.payments import PaymentStatus
from tests.testkit.api_client import make_unique_id
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    NETTED,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

FAR_OFF = NOW.replace(year=2100)


async def test_a_batch_takes_at_most_a_hundred_and_the_rest_is_next(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    owed = await seed_payments.owe(database, make_unique_id("cap"), 101)
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    async with database.transaction() as connection:
        members, transfers = await allocations.get_members(connection, batch)
        assert (len(members), len(transfers)) == (100, 100)
        rest = await batches.form_batch(connection, CLASSIC, FAR_OFF, rail.channels)
        assert rest is not None
        assert len((await allocations.get_members(connection, rest))[0]) == 1
    for each in (batch, rest):
        await activities.confirm_batch(await submit_batch(activities, each))
    assert await count_credits(stack, *owed) == [1] * 101


async def test_a_member_above_a_limit_leaves_before_signing(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """It was admitted when the batch was formed; the rest of its netted transfer goes without it."""
    small, large = [await owe_payment(database, "LIMIT", minutes) for minutes in (25, 60)]
    assert small.amount_stroops < large.amount_stroops
    other = await owe_payment(database, "LIMIT-OTHER", 5)
    gate = SigningGate(database, Limits(cap_per_payment=large.amount_stroops - 1))
    activities, batch = await form_batch(database, rail, NETTED, small, large, other, gate=gate)
    gone = await run_until_accepted(activities.prepare_batch, batch)
    assert get_attempt(gone)
    assert sorted(gone.withdrawn) == sorted([small.id, large.id])
    assert gone.removed == []
    payment_activities = PaymentActivitiesImpl(database, rail, gate, batches_payments=True)
    assert "above the cap" in get_reason(await payment_activities.prepare_payment(large)).sentence
    _, rest = await form_batch(database, rail, NETTED, gate=gate)
    for each in (batch, rest):
        await activities.confirm_batch(await submit_batch(activities, each))
    assert await count_credits(stack, small, large, other) == [1, 0, 1]
    assert [status for status, _ in await read_statuses(database, small, other)] == [
        "confirmed"
    ] * 2


async def test_a_payment_on_hold_or_blocked_joins_no_batch(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Prepared for a batch, and then stopped by a later check of its workflow."""
    payment = await owe_payment(database, "HELD")
    payment_activities = PaymentActivitiesImpl(database, rail, batches_payments=True)
    assert isinstance(await payment_activities.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        await payments.stop(
            connection, payment.id, PaymentStatus.ON_HOLD, make_reason("above the cap")
        )
        assert await batches.form_batch(connection, CLASSIC, FAR_OFF, rail.channels) is None
    assert isinstance(await payment_activities.prepare_payment(payment), InBatch)
    assert await read_statuses(database, payment) == [("pending", None)]
    activities, batch = await form_batch(database, rail, CLASSIC)
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, payment) == [("confirmed", None)]
