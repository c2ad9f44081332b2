"""A member that cannot be paid is removed from its batch, and the rest is paid."""

import httpx
import pytest
from stellar_sdk import Keypair

from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    allocations,
    attempts,
    envelopes,
)
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import AttemptOutcome, SettlementRail
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.expired_envelopes import wait_until_expired
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.settlement.preparations import get_attempt


async def test_a_payee_that_cannot_be_paid_is_removed_before_signing(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    nobody = Keypair.random().public_key
    stranger = await owe_payment(database, "NOBODY", to_address=nobody)
    untrusting = await owe_payment(database, "NOLINE", to_address=rail.keys.fees.public_key)
    fine = await owe_payment(database, "FINE")
    activities, batch = await form_batch(database, rail, CLASSIC, stranger, untrusting, fine)
    preparation = await run_until_accepted(activities.prepare_batch, batch)
    assert {out.payment_id: str(out.reason) for out in preparation.removed} == {
        stranger.id: "the payee's account does not exist",
        untrusting.id: "the payee has no trustline for the asset",
    }
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert [status for status, _ in await read_statuses(database, stranger, untrusting, fine)] == [
        "blocked",
        "blocked",
        "confirmed",
    ]
    assert await count_credits(stack, stranger, untrusting, fine) == [0, 0, 1]


async def test_a_failed_batch_removes_the_member_at_fault_and_pays_the_rest(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """The trustline is removed after signing: the ledger uses the sequence up and moves nothing."""
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    rewards = [await owe_payment(database, "REST", 5) for _ in range(2)]
    penalty = await owe_payment(database, "FAULT", 25)
    activities, batch = await form_batch(database, rail, CLASSIC, *rewards, penalty)
    get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    fault = {"kind": "removed_trustline", "address": payee}
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    observed = await submit_batch(activities, batch)
    assert observed.observation.outcome is not AttemptOutcome.SUCCEEDED
    failure = await activities.fail_batch(observed)
    assert [out.payment_id for out in failure.removed] == [penalty.id]
    assert failure.again is not None
    assert await activities.fail_batch(observed) == failure

    rest = await submit_batch(activities, failure.again)
    assert rest.attempt.channel == observed.attempt.channel
    assert rest.attempt.sequence == observed.attempt.sequence + 1
    assert sorted(await activities.confirm_batch(rest)) == sorted(payment.id for payment in rewards)
    found = await read_statuses(database, *rewards, penalty)
    assert [status for status, _ in found] == ["confirmed", "confirmed", "blocked"]
    assert "trustline" in str(found[-1][1]).lower() or "NO_TRUST" in str(found[-1][1])
    assert await count_credits(stack, *rewards, penalty) == [1, 1, 0]


async def test_an_envelope_is_not_stored_for_a_batch_that_lost_a_member(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """Otherwise the removed member could be paid by this envelope, and again by another."""
    owed = [await owe_payment(database, "RACE") for _ in range(2)]
    _, batch = await form_batch(database, rail, CLASSIC, *owed)
    async with database.autocommit() as connection:
        stale = await attempts.get_attempt(connection, batch.lead_payment_id, batch.n)
        _, transfers = await allocations.get_members(connection, batch)
        assert stale is not None
        signed = await rail.sign(
            transfers, SettlementRail.CLASSIC, stale.channel, stale.sequence, 0
        )
        out = {owed[1].id: make_reason("gone")}
        assert await allocations.remove_members(connection, stale, out)
        assert not await allocations.remove_members(connection, stale, out)
        with pytest.raises(TryAgain):
            await envelopes.store(connection, stale, signed)


async def test_a_member_frozen_by_the_validators_does_not_stop_its_batch(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    fine, frozen = await owe_payment(database, "WARM", 5), await owe_payment(database, "FROZEN")
    activities, batch = await form_batch(database, rail, CLASSIC, fine, frozen)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    fault = {"kind": "frozen_key", "address": frozen.to_address}
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    await wait_until_expired(rail, attempt)
    noop = await submit_batch(activities, batch)
    why = f"the network's validators have frozen {frozen.to_address}"
    assert (noop.attempt.noop_reason, noop.observation.outcome) == (
        why,
        AttemptOutcome.FAILED_BLOCKED,
    )
    failure = await activities.fail_batch(noop)
    assert [(out.payment_id, str(out.reason)) for out in failure.removed] == [(frozen.id, why)]
    assert await activities.fail_batch(noop) == failure
    assert failure.again is not None
    assert await activities.confirm_batch(await submit_batch(activities, failure.again)) == [
        fine.id
    ]
    assert await read_statuses(database, fine, frozen) == [("confirmed", None), ("blocked", why)]
    assert await count_credits(stack, fine, frozen) == [1, 0]
