"""
Expired envelopes whose payment cannot be made: a no-op transaction uses up their sequence,
and the payment waits without a channel. Where not even that can be signed, the database says what the
payment waits for, and it goes on with the same channel and sequence once that is resolved.
"""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.accounting import payment_traces
from adapters.postgres.database import Database
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.payment_traces import PaymentTrace
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    ObservedAttempt,
    OnHold,
)
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import count_credits, read_statuses
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
    wait_until_expired,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt


async def remove_trustline(chain: httpx.AsyncClient, stack: Stack, *more: dict[str, Any]) -> None:
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    plan = {"faults": [{"kind": "removed_trustline", "address": payee}, *more]}
    (await chain.post("/faults", json=plan)).raise_for_status()


async def clear_faults(chain: httpx.AsyncClient) -> None:
    (await chain.post("/faults", json={"faults": []})).raise_for_status()


async def read_trace(database: Database, payment: Payment) -> PaymentTrace:
    async with database.autocommit() as connection:
        return await payment_traces.load_trace(connection, payment.id)


async def sign_noop(
    activities: PaymentActivitiesImpl, payment: Payment, expired: Attempt
) -> Attempt:
    """Sign again, each run twice: the payee cannot be paid, so it is a no-op transaction with the same sequence."""
    attempt = get_attempt(await activities.prepare_payment(payment))
    assert get_attempt(await activities.prepare_payment(payment)) == replace(attempt, resumed=True)
    assert (attempt.channel, attempt.sequence) == (expired.channel, expired.sequence)
    assert "trustline" in attempt.noop_reason
    assert attempt.hash != expired.hash
    return attempt


async def find_served_payment(database: Database, attempt: Attempt) -> str | None:
    """Return the payment that has a channel."""
    async with database.autocommit() as connection:
        found: str | None = await connection.scalar(
            select(channels.c.payment_id).where(channels.c.address == attempt.channel)
        )
    return found


@pytest.mark.parametrize("sent", [False, True])
async def test_a_payment_with_an_expired_envelope_returns_its_channel_by_a_no_op(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient, sent: bool
) -> None:
    payment = await owe_payment(database, "DEAD-VOID", 25)
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    if sent:
        await activities.submit_payment(expired)  # too late for any ledger
    await remove_trustline(chain, stack)
    noop = await sign_noop(activities, payment, expired)
    assert (await read_trace(database, payment)).standing.startswith(
        "Given up for now: the payee has"
    )
    await activities.submit_payment(noop)
    for seen in (await activities.observe_payment(noop), await activities.observe_payment(expired)):
        assert seen.outcome is AttemptOutcome.FAILED_BLOCKED, seen
        assert seen.reason in (noop.noop_reason, "a no-op transaction used up its sequence")
        await activities.fail_attempt(ObservedAttempt(payment, noop, seen, NOW))
    assert await find_served_payment(database, noop) is None
    blocked = BlockPaymentInput(
        payment, Reason(ReasonCode.PAYEE_NO_TRUSTLINE, noop.noop_reason), NOW
    )
    await activities.block_payment(blocked)
    assert await read_statuses(database, payment) == [("blocked", noop.noop_reason)]
    assert await count_credits(stack, payment) == [0]
    trace = await read_trace(database, payment)
    assert trace.standing.endswith("1000 USDC are owed, and none moved.")
    await clear_faults(chain)
    again = get_attempt(await activities.prepare_payment(payment))
    assert (again.n, again.noop_reason) == (noop.n + 1, "")
    await settle_after_expiry(activities, payment, again)
    assert await count_credits(stack, payment) == [1]


async def test_an_expired_no_op_is_followed_by_the_payment_once_it_can_be_made(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    payment = await owe_payment(database, "DEAD-TWICE", 25)
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    await remove_trustline(chain, stack)
    noop = await sign_noop(activities, payment, expired)
    await wait_until_expired(rail, noop)
    await clear_faults(chain)
    await settle_after_expiry(activities, payment, noop)
    assert await read_statuses(database, payment) == [("confirmed", None)]
    assert await count_credits(stack, payment) == [1]


async def test_a_higher_fee_is_bid_for_a_no_op_as_well(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    payment = await owe_payment(database, "DEAD-BID", 25)
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    await remove_trustline(chain, stack, {"kind": "surge_fee", "value": 15_000})
    noop = await sign_noop(activities, payment, expired)
    assert (await activities.submit_payment(noop)).outbid
    higher = await activities.raise_fee(noop)
    assert (higher.hash, higher.noop_reason) == (noop.hash, noop.noop_reason)
    assert higher.newest_hash != noop.newest_hash
    await activities.submit_payment(higher)
    seen = await activities.observe_payment(higher)
    assert (seen.outcome, seen.reason) == (AttemptOutcome.FAILED_BLOCKED, noop.noop_reason)
    await clear_faults(chain)


async def test_a_payment_with_an_expired_envelope_is_on_hold_while_the_circuit_breaker_is_open(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "DEAD-HELD", 25)
    activities = PaymentActivitiesImpl(database, rail, PausedGate(database))
    expired = await let_expire(rail, PaymentActivitiesImpl(database, rail), payment)
    why = await activities.prepare_payment(payment)
    assert isinstance(why, OnHold)
    await activities.block_payment(make_block_input(payment, why, PaymentStatus.ON_HOLD))
    assert await read_statuses(database, payment) == [("on_hold", why.reason.sentence)]
    await settle_after_expiry(PaymentActivitiesImpl(database, rail), payment, expired)
    assert await read_statuses(database, payment) == [("confirmed", None)]


class PausedGate(SigningGate):
    """The circuit breaker is open for whoever asks here."""

    async def pause(self, *, after_failure: bool = False) -> OnHold:
        return OnHold(make_reason("the circuit breaker is open"), NOW)
