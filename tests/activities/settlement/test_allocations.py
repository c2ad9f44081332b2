"""
Members of a batch, on the real database and the real chain: a removed member
has a reason, joins another batch once that is resolved, and is settled once.
"""

import httpx
from stellar_sdk import Keypair

from adapters.postgres.database import Database
from adapters.postgres.settlement import batches
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.batches import Batch, EmptyBatch
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.payment_factory import owe_payment


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
