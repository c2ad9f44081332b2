"""
Who rides in a batch and who may not, on the real database and the real chain: whoever leaves is
told why, comes back when it is mended, and is settled once.
"""

import httpx
import pytest
from sqlalchemy import select
from stellar_sdk import Keypair

from activities.batches import BatchActivities
from activities.limits import Gate
from activities.payments import PaymentActivities
from adapters.postgres import batches, payments, shares
from adapters.postgres.database import Database
from adapters.postgres.tables import attempts, audit_leaves
from adapters.postgres.tables import shares as rows_of_shares
from adapters.stellar.rail import Rail
from benchmarks import dues
from domain.attempts import Attempt, Outcome, SettlementRail
from domain.batches import Batch, BatchSighting, Plan
from domain.limits import Limits
from domain.payments import Payment, PaymentStatus
from sandbox.stack import Stack
from tests.gathering import CLASSIC, NETTED, gathered, landed, on_chain, patiently, states
from tests.owing import NOW, payment_owed
from tests.reasons import because
from tests.support import eventually, unique

FAR_OFF = NOW.replace(year=2100)
ONE_TRANSFER = Plan(SettlementRail.SOROBAN, 3600)


async def faults(chain: httpx.AsyncClient, *planned: dict[str, str]) -> None:
    (await chain.post("/faults", json={"faults": list(planned)})).raise_for_status()


def removed(stack: Stack, payee: str = "BENEFICIARY") -> dict[str, str]:
    address = stack.environment[f"STELLAR_{payee}_ADDRESS"]
    return {"kind": "removed_trustline", "address": address}


async def test_who_was_left_out_of_a_batch_that_bears_its_name_leads_another(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """While the first is still under way, and however it ends."""
    await faults(chain, removed(stack))
    leader = await payment_owed(database, "LEADER", 25)
    other = await payment_owed(database, "OTHER", 5)
    steps, first = await gathered(database, rail, CLASSIC, leader, other)
    preparation = await patiently(steps.prepare_batch, first)
    assert (first.leader, [out.payment_id for out in preparation.ejected]) == (
        leader.id,
        [leader.id],
    )
    await faults(chain)
    _, second = await gathered(database, rail, CLASSIC, leader)
    assert (second.leader, second.n) == (leader.id, first.n + 1)
    for batch in (first, second):
        await steps.book_batch(await landed(steps, batch))
    assert await states(database, leader, other) == [("confirmed", None)] * 2
    assert await on_chain(stack, leader, other) == [1, 1]


async def test_who_is_at_fault_twice_is_parked_twice_and_a_batch_of_one_ends(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "NOBODY", to_address=Keypair.random().public_key)
    for _ in range(2):
        steps, batch = await gathered(database, rail, CLASSIC, payment)
        preparation = await patiently(steps.prepare_batch, batch)
        assert preparation.attempt is None
        assert [out.payment_id for out in preparation.ejected] == [payment.id]
        assert (await steps.prepare_batch(batch)).attempt is None
        expected = [("parked", "the payee's account does not exist")]
        assert await states(database, payment) == expected
        async with database.autocommit() as connection:
            assert batch not in await batches.under_way(connection)


async def test_when_all_are_at_fault_in_a_ledger_all_are_parked_and_nobody_goes_on(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    owed = [await payment_owed(database, "ALL", minutes) for minutes in (25, 30)]
    steps, batch = await gathered(database, rail, CLASSIC, *owed)
    await patiently(steps.prepare_batch, batch)
    await faults(chain, removed(stack))
    sighting = await landed(steps, batch)
    for _ in range(2):
        ejection = await steps.eject_batch(sighting)
        assert ejection.again is None
        assert [out.payment_id for out in ejection.ejected] == [each.id for each in owed]
    assert [status for status, _ in await states(database, *owed)] == ["parked"] * 2
    await faults(chain)
    steps, again = await gathered(database, rail, CLASSIC, *owed)
    await steps.book_batch(await landed(steps, again))
    assert await states(database, *owed) == [("confirmed", None)] * 2
    assert await on_chain(stack, *owed) == [1, 1]


async def test_what_fails_twice_waits_for_the_next_window_whoever_lives_for_it(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """A life that was begun for a batch under way knows no more of it than the book does."""
    pool = stack.environment["STELLAR_POOL_ADDRESS"]
    first, second = [await payment_owed(database, "TWICE", minutes) for minutes in (25, 5)]
    third = await payment_owed(database, "TWICE", to_address=pool)
    steps, batch = await gathered(database, rail, CLASSIC, first, second, third)
    await patiently(steps.prepare_batch, batch)
    await faults(chain, removed(stack))
    ejection = await steps.eject_batch(await landed(steps, batch))
    assert [out.payment_id for out in ejection.ejected] == [first.id]
    rest = ejection.again
    assert rest is not None
    async with database.autocommit() as connection:
        assert rest in await batches.under_way(connection)

    await patiently(steps.prepare_batch, rest)
    await faults(chain, removed(stack, "PROVIDER"))
    forgetful = Batch(rest.leader, rest.n)
    again = await steps.eject_batch(await landed(steps, forgetful))
    assert again.again is None
    assert [out.payment_id for out in again.ejected] == [second.id]
    found = await states(database, first, second, third)
    assert [status for status, _ in found] == ["parked", "parked", "pending"]
    await faults(chain)
    steps, last = await gathered(database, rail, CLASSIC, first, second)
    await steps.book_batch(await landed(steps, last))
    assert await on_chain(stack, first, second, third) == [1, 1, 1]


async def test_a_hundred_go_at_most_and_the_rest_is_next(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    owed = await dues.owe(database, unique("cap"), 101)
    steps, batch = await gathered(database, rail, CLASSIC, *owed)
    async with database.transaction() as connection:
        riders, riding = await shares.riding(connection, batch)
        assert (len(riders), len(riding)) == (100, 100)
        rest = await batches.gather(connection, CLASSIC, FAR_OFF, rail.channels)
        assert rest is not None
        assert len((await shares.riding(connection, rest))[0]) == 1
    for each in (batch, rest):
        await steps.book_batch(await landed(steps, each))
    assert await on_chain(stack, *owed) == [1] * 101


async def test_who_is_above_a_limit_by_now_leaves_before_the_signature(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """It was let go when it was gathered; what was to go with it in one transfer goes without it."""
    small, large = [await payment_owed(database, "LIMIT", minutes) for minutes in (25, 60)]
    assert small.amount_stroops < large.amount_stroops
    other = await payment_owed(database, "LIMIT-OTHER", 5)
    gate = Gate(database, Limits(cap_per_payment=large.amount_stroops - 1))
    steps, batch = await gathered(database, rail, NETTED, small, large, other, gate=gate)
    gone = await patiently(steps.prepare_batch, batch)
    assert gone.attempt is not None
    assert sorted(gone.called_back) == sorted([small.id, large.id])
    assert gone.ejected == []
    lives = PaymentActivities(database, rail, gate, gathers=True)
    assert "above the cap" in (await lives.prepare_payment(large)).why
    _, rest = await gathered(database, rail, NETTED, gate=gate)
    for each in (batch, rest):
        await steps.book_batch(await landed(steps, each))
    assert await on_chain(stack, small, large, other) == [1, 0, 1]
    assert [status for status, _ in await states(database, small, other)] == ["confirmed"] * 2


async def test_who_is_held_or_parked_is_gathered_by_nobody(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Ready for a batch, and then stopped by what its life found out at a later look."""
    payment = await payment_owed(database, "HELD")
    lives = PaymentActivities(database, rail, gathers=True)
    assert (await lives.prepare_payment(payment)).gathered
    async with database.transaction() as connection:
        await payments.stop(connection, payment.id, PaymentStatus.HELD, because("above the cap"))
        assert await batches.gather(connection, CLASSIC, FAR_OFF, rail.channels) is None
    assert (await lives.prepare_payment(payment)).gathered
    steps, batch = await gathered(database, rail, CLASSIC)
    await steps.book_batch(await landed(steps, batch))
    assert await states(database, payment) == [("confirmed", None)]


async def dead_together(
    database: Database, rail: Rail, *owed: Payment
) -> tuple[BatchActivities, Batch, Attempt]:
    """Net payments into one transfer, and let the bytes of it die unsent."""
    steps, batch = await gathered(database, rail, ONE_TRANSFER, *owed)
    attempt = (await patiently(steps.prepare_batch, batch)).attempt
    assert attempt is not None

    async def dead() -> bool:
        return await rail.latest_ledger() > attempt.max_ledger

    await eventually(dead, "the bytes are dead")
    return steps, batch, attempt


async def test_dead_bytes_that_nobody_can_be_paid_by_are_followed_by_a_void_and_all_are_parked(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    owed = [await payment_owed(database, "VOID", minutes) for minutes in (25, 30)]
    steps, batch, died = await dead_together(database, rail, *owed)
    await faults(chain, removed(stack))
    sighting = await landed(steps, batch)
    void = sighting.attempt
    assert (void.channel, void.sequence) == (died.channel, died.sequence)
    why = "the payee has no trustline for the asset"
    assert void.voids.startswith(why)
    for _ in range(2):
        ejection = await steps.eject_batch(sighting)
        assert ejection.again is None
        # As the network says of each, once it is asked whose fault it was.
        assert {out.payment_id: str(out.reason) for out in ejection.ejected} == {
            each.id: why for each in owed
        }
    assert await states(database, *owed) == [("parked", why)] * 2
    assert await on_chain(stack, *owed) == [0, 0]
    await faults(chain)
    steps, again = await gathered(database, rail, ONE_TRANSFER, *owed)
    await steps.book_batch(await landed(steps, again))
    assert await states(database, *owed) == [("confirmed", None)] * 2
    assert await on_chain(stack, *owed) == [1, 0]


async def test_dead_bytes_that_none_can_follow_wait_together_and_say_why(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody may leave once bytes were signed; it is no reason to ask again and again."""
    owed = [await payment_owed(database, "DEAD", minutes) for minutes in (25, 30)]
    steps, batch, _ = await dead_together(database, rail, *owed)
    monkeypatch.setattr(rail, "fee_cap_stroops", 100)  # not even a void can be signed
    stuck = await patiently(steps.prepare_batch, batch)
    assert stuck.attempt is None
    assert "STELLAR_FEE_CAP_STROOPS" in stuck.why
    assert stuck.ejected == []
    async with database.autocommit() as connection:
        assert len((await shares.riding(connection, batch))[0]) == 2
        told = await connection.scalars(
            select(audit_leaves.c.action).where(
                audit_leaves.c.subject == f"outage/{owed[1].outage_id}"
            )
        )
        assert "payment.parked" in list(told)
    parked = await states(database, *owed)
    assert parked == [("parked", stuck.why)] * 2
    monkeypatch.undo()
    await steps.book_batch(await landed(steps, batch))
    assert await states(database, *owed) == [("confirmed", None)] * 2
    # One transfer, under the lower number.
    assert await on_chain(stack, *owed) == [1, 0]


async def test_bytes_that_land_were_sent_though_nobody_noted_it(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The signer died between the send and its record, and then the breaker let nothing be sent."""
    owed = [await payment_owed(database, "UNNOTED", minutes) for minutes in (5, 25)]
    steps, batch = await gathered(database, rail, CLASSIC, *owed)
    attempt = (await patiently(steps.prepare_batch, batch)).attempt
    assert attempt is not None
    await rail.send(attempt.envelope_xdr)
    seen = await steps.observe_payment(attempt)
    assert seen.outcome is Outcome.SUCCEEDED
    await steps.book_batch(BatchSighting(batch, attempt, seen, NOW))
    assert await states(database, *owed) == [("confirmed", None)] * 2
    lives = PaymentActivities(database, rail, gathers=True)
    for payment in owed:
        receipt = (await lives.prepare_payment(payment)).receipt
        assert receipt is not None
        assert receipt.transaction_hash == seen.hash
    async with database.autocommit() as connection:
        ended = await connection.scalar(
            select(attempts.c.status)
            .join(rows_of_shares, rows_of_shares.c.leader == attempts.c.payment_id)
            .where(rows_of_shares.c.payment_id == owed[1].id)
        )
    assert ended == "succeeded"
