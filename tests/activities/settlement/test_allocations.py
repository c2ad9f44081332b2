"""
Members of a batch, on the real database and the real chain: a removed member
has a reason, joins another batch once that is resolved, and is settled once.
"""

import httpx
import pytest
from sqlalchemy import select
from stellar_sdk import Keypair

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, batches, payments
from adapters.postgres.tables import audit_entries
from adapters.stellar.rail import Rail
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from domain.settlement.attempts import Attempt, InBatch, SettlementRail
from domain.settlement.batches import Batch, EmptyBatch, Plan
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentStatus
from tests.testkit.api_client import make_unique_id, wait_until
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
ONE_TRANSFER = Plan(SettlementRail.SOROBAN, 3600)


async def plan_faults(chain: httpx.AsyncClient, *planned: dict[str, str]) -> None:
    (await chain.post("/faults", json={"faults": list(planned)})).raise_for_status()


def make_trustline_fault(stack: Stack, payee: str = "BENEFICIARY") -> dict[str, str]:
    address = stack.environment[f"STELLAR_{payee}_ADDRESS"]
    return {"kind": "removed_trustline", "address": address}


async def test_a_removed_lead_member_leads_another_batch(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """While the first batch is still under way, and however it ends."""
    await plan_faults(chain, make_trustline_fault(stack))
    lead = await owe_payment(database, "LEAD", 25)
    other = await owe_payment(database, "OTHER", 5)
    activities, first = await form_batch(database, rail, CLASSIC, lead, other)
    preparation = await run_until_accepted(activities.prepare_batch, first)
    assert (first.lead_payment_id, [out.payment_id for out in preparation.removed]) == (
        lead.id,
        [lead.id],
    )
    await plan_faults(chain)
    _, second = await form_batch(database, rail, CLASSIC, lead)
    assert (second.lead_payment_id, second.n) == (lead.id, first.n + 1)
    for batch in (first, second):
        await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, lead, other) == [("confirmed", None)] * 2
    assert await count_credits(stack, lead, other) == [1, 1]


async def test_a_member_at_fault_again_is_blocked_again_and_its_batch_of_one_ends(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "NOBODY", to_address=Keypair.random().public_key)
    for _ in range(2):
        activities, batch = await form_batch(database, rail, CLASSIC, payment)
        preparation = await run_until_accepted(activities.prepare_batch, batch)
        assert preparation.state == EmptyBatch()
        assert [out.payment_id for out in preparation.removed] == [payment.id]
        assert (await activities.prepare_batch(batch)).state == EmptyBatch()
        expected = [("blocked", "the payee's account does not exist")]
        assert await read_statuses(database, payment) == expected
        async with database.autocommit() as connection:
            assert batch not in await batches.list_open(connection)


async def test_when_all_members_are_at_fault_all_are_blocked_and_the_batch_ends(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    owed = [await owe_payment(database, "ALL", minutes) for minutes in (25, 30)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    await run_until_accepted(activities.prepare_batch, batch)
    await plan_faults(chain, make_trustline_fault(stack))
    observed = await submit_batch(activities, batch)
    for _ in range(2):
        failure = await activities.fail_batch(observed)
        assert failure.again is None
        assert [out.payment_id for out in failure.removed] == [each.id for each in owed]
    assert [status for status, _ in await read_statuses(database, *owed)] == ["blocked"] * 2
    await plan_faults(chain)
    activities, again = await form_batch(database, rail, CLASSIC, *owed)
    await activities.confirm_batch(await submit_batch(activities, again))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    assert await count_credits(stack, *owed) == [1, 1]


async def test_members_of_a_batch_that_failed_twice_wait_for_the_next_window(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """A workflow started for a batch under way knows no more of it than the database does."""
    pool = stack.environment["STELLAR_POOL_ADDRESS"]
    first, second = [await owe_payment(database, "TWICE", minutes) for minutes in (25, 5)]
    third = await owe_payment(database, "TWICE", to_address=pool)
    activities, batch = await form_batch(database, rail, CLASSIC, first, second, third)
    await run_until_accepted(activities.prepare_batch, batch)
    await plan_faults(chain, make_trustline_fault(stack))
    failure = await activities.fail_batch(await submit_batch(activities, batch))
    assert [out.payment_id for out in failure.removed] == [first.id]
    rest = failure.again
    assert rest is not None
    async with database.autocommit() as connection:
        assert rest in await batches.list_open(connection)

    await run_until_accepted(activities.prepare_batch, rest)
    await plan_faults(chain, make_trustline_fault(stack, "PROVIDER"))
    forgetful = Batch(rest.lead_payment_id, rest.n)
    again = await activities.fail_batch(await submit_batch(activities, forgetful))
    assert again.again is None
    assert [out.payment_id for out in again.removed] == [second.id]
    found = await read_statuses(database, first, second, third)
    assert [status for status, _ in found] == ["blocked", "blocked", "pending"]
    await plan_faults(chain)
    activities, last = await form_batch(database, rail, CLASSIC, first, second)
    await activities.confirm_batch(await submit_batch(activities, last))
    assert await count_credits(stack, first, second, third) == [1, 1, 1]


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
    activities, batch = await form_batch(database, rail, CLASSIC)
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, payment) == [("confirmed", None)]


async def let_expire_together(
    database: Database, rail: Rail, *owed: Payment
) -> tuple[BatchActivitiesImpl, Batch, Attempt]:
    """Net payments into one transfer, and let its envelope expire unsent."""
    activities, batch = await form_batch(database, rail, ONE_TRANSFER, *owed)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))

    async def dead() -> bool:
        return await rail.get_latest_ledger() > attempt.max_ledger

    await wait_until(dead, "the bytes are dead")
    return activities, batch, attempt


async def test_an_expired_envelope_with_no_payable_member_is_followed_by_a_no_op_and_all_are_blocked(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    owed = [await owe_payment(database, "VOID", minutes) for minutes in (25, 30)]
    activities, batch, expired = await let_expire_together(database, rail, *owed)
    await plan_faults(chain, make_trustline_fault(stack))
    observed = await submit_batch(activities, batch)
    noop = observed.attempt
    assert (noop.channel, noop.sequence) == (expired.channel, expired.sequence)
    why = "the payee has no trustline for the asset"
    assert noop.noop_reason.startswith(why)
    for _ in range(2):
        failure = await activities.fail_batch(observed)
        assert failure.again is None
        # As the network says of each, once it is asked who is at fault.
        assert {out.payment_id: str(out.reason) for out in failure.removed} == {
            each.id: why for each in owed
        }
    assert await read_statuses(database, *owed) == [("blocked", why)] * 2
    assert await count_credits(stack, *owed) == [0, 0]
    await plan_faults(chain)
    activities, again = await form_batch(database, rail, ONE_TRANSFER, *owed)
    await activities.confirm_batch(await submit_batch(activities, again))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    assert await count_credits(stack, *owed) == [1, 0]


async def test_members_of_an_expired_envelope_that_cannot_be_followed_wait_together_with_a_reason(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No member may leave once an envelope was signed; the batch waits without asking again and again."""
    owed = [await owe_payment(database, "DEAD", minutes) for minutes in (25, 30)]
    activities, batch, _ = await let_expire_together(database, rail, *owed)
    monkeypatch.setattr(rail, "fee_cap_stroops", 100)  # not even a no-op transaction can be signed
    stuck = await run_until_accepted(activities.prepare_batch, batch)
    why = get_reason(stuck).sentence
    assert "STELLAR_FEE_CAP_STROOPS" in why
    assert stuck.removed == []
    async with database.autocommit() as connection:
        assert len((await allocations.get_members(connection, batch))[0]) == 2
        actions = await connection.scalars(
            select(audit_entries.c.action).where(
                audit_entries.c.subject == f"outage/{owed[1].outage_id}"
            )
        )
        assert "payment.blocked" in list(actions)
    blocked = await read_statuses(database, *owed)
    assert blocked == [("blocked", why)] * 2
    monkeypatch.undo()
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    # One transfer, under the lower number.
    assert await count_credits(stack, *owed) == [1, 0]
