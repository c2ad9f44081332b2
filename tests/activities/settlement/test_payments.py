"""
Bytes that died on a channel while nobody can be paid in their place: a no-op transaction uses up their sequence,
and the payment waits without a channel. Where not even that can be signed, the book says what the
payment waits for, and it goes on with the same pair once that is mended.
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
from adapters.postgres.settlement import attempts as reservations
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.payment_traces import PaymentTrace
from domain.errors import TryAgain
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    ObservedAttempt,
    PreparePaymentResult,
)
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from tests.testkit.reasons import because
from tests.testkit.settlement.batch_factory import on_chain, states
from tests.testkit.settlement.expired_envelopes import (
    dead,
    parking,
    past,
    settle,
)
from tests.testkit.settlement.payment_factory import NOW, payment_owed


async def remove(chain: httpx.AsyncClient, stack: Stack, *more: dict[str, Any]) -> None:
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    plan = {"faults": [{"kind": "removed_trustline", "address": payee}, *more]}
    (await chain.post("/faults", json=plan)).raise_for_status()


async def mend(chain: httpx.AsyncClient) -> None:
    (await chain.post("/faults", json={"faults": []})).raise_for_status()


async def story(database: Database, payment: Payment) -> PaymentTrace:
    async with database.autocommit() as connection:
        return await payment_traces.load_trace(connection, payment.id)


async def voided(steps: PaymentActivitiesImpl, payment: Payment, died: Attempt) -> Attempt:
    """Sign again, each run twice: nobody can be paid, so that it is a void of the same pair."""
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    assert (await steps.prepare_payment(payment)).attempt == replace(attempt, resumed=True)
    assert (attempt.channel, attempt.sequence) == (died.channel, died.sequence)
    assert "trustline" in attempt.noop_reason
    assert attempt.hash != died.hash
    return attempt


async def served(database: Database, attempt: Attempt) -> str | None:
    """Whom a channel serves."""
    async with database.autocommit() as connection:
        found: str | None = await connection.scalar(
            select(channels.c.payment_id).where(channels.c.address == attempt.channel)
        )
    return found


@pytest.mark.parametrize("sent", [False, True])
async def test_a_payment_whose_bytes_died_gives_its_channel_back_by_a_void(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient, sent: bool
) -> None:
    payment = await payment_owed(database, "DEAD-VOID", 25)
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    if sent:
        await steps.submit_payment(died)  # too late to be taken by any ledger
    await remove(chain, stack)
    void = await voided(steps, payment, died)
    assert (await story(database, payment)).standing.startswith("Given up for now: the payee has")
    await steps.submit_payment(void)
    for seen in (await steps.observe_payment(void), await steps.observe_payment(died)):
        assert seen.outcome is AttemptOutcome.FAILED_BLOCKED, seen
        assert seen.reason in (void.noop_reason, "a no-op transaction used up its sequence")
        await steps.fail_attempt(ObservedAttempt(payment, void, seen, NOW))
    assert await served(database, void) is None
    parked = BlockPaymentInput(
        payment, Reason(ReasonCode.PAYEE_NO_TRUSTLINE, void.noop_reason), NOW
    )
    await steps.block_payment(parked)
    assert await states(database, payment) == [("blocked", void.noop_reason)]
    assert await on_chain(stack, payment) == [0]
    told = await story(database, payment)
    assert told.standing.endswith("1000 USDC are owed, and none moved.")
    await mend(chain)
    again = (await steps.prepare_payment(payment)).attempt
    assert again is not None
    assert (again.n, again.noop_reason) == (void.n + 1, "")
    await settle(steps, payment, again)
    assert await on_chain(stack, payment) == [1]


async def test_a_void_that_died_as_well_is_followed_by_the_payment_once_it_can_be_made(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    payment = await payment_owed(database, "DEAD-TWICE", 25)
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    await remove(chain, stack)
    void = await voided(steps, payment, died)
    await past(rail, void)
    await mend(chain)
    await settle(steps, payment, void)
    assert await states(database, payment) == [("confirmed", None)]
    assert await on_chain(stack, payment) == [1]


async def test_more_is_bid_for_a_void_too(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    payment = await payment_owed(database, "DEAD-BID", 25)
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    await remove(chain, stack, {"kind": "surge_fee", "value": 15_000})
    void = await voided(steps, payment, died)
    assert (await steps.submit_payment(void)).outbid
    higher = await steps.raise_fee(void)
    assert (higher.hash, higher.noop_reason) == (void.hash, void.noop_reason)
    assert higher.newest_hash != void.newest_hash
    await steps.submit_payment(higher)
    seen = await steps.observe_payment(higher)
    assert (seen.outcome, seen.reason) == (AttemptOutcome.FAILED_BLOCKED, void.noop_reason)
    await mend(chain)


@pytest.mark.parametrize("sent", [False, True])
async def test_where_no_void_can_be_signed_a_payment_is_parked_until_it_can_be_signed_again(
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    sent: bool,
) -> None:
    payment = await payment_owed(database, "DEAD-ALONE", 25)
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    if sent:
        await steps.submit_payment(died)
    await remove(chain, stack)
    monkeypatch.setattr(rail, "fee_cap_stroops", 100)
    why = await steps.prepare_payment(payment)
    told = await steps.block_payment(parking(payment, why, PaymentStatus.BLOCKED))
    assert await states(database, payment) == [("blocked", why.why)]
    assert "raise STELLAR_FEE_CAP_STROOPS" in why.why
    assert await steps.block_payment(parking(payment, why, PaymentStatus.BLOCKED)) == told
    await mend(chain)
    monkeypatch.undo()
    await settle(steps, payment, died)
    assert await states(database, payment) == [("confirmed", None)]
    assert await on_chain(stack, payment) == [1]


async def test_a_payment_whose_bytes_died_is_held_while_the_breaker_is_open(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "DEAD-HELD", 25)
    steps = PaymentActivitiesImpl(database, rail, Stopped(database))
    died = await dead(rail, PaymentActivitiesImpl(database, rail), payment)
    why = await steps.prepare_payment(payment)
    assert why.again_at is not None
    await steps.block_payment(parking(payment, why, PaymentStatus.ON_HOLD))
    assert await states(database, payment) == [("on_hold", why.why)]
    await settle(PaymentActivitiesImpl(database, rail), payment, died)
    assert await states(database, payment) == [("confirmed", None)]


class Stopped(SigningGate):
    """The circuit breaker is open for whoever asks here."""

    async def pause(self) -> PreparePaymentResult:
        return PreparePaymentResult(None, because("the circuit breaker is open"), again_at=NOW)


async def test_who_comes_late_parks_nothing_that_was_signed_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """A run found that nothing can follow the dead bytes; by the time it says so, others did."""
    payment = await payment_owed(database, "DEAD-LATE", 25)
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    late = BlockPaymentInput(payment, because("no trustline"), NOW, dead_after=died.max_ledger)
    assert (await steps.prepare_payment(payment)).attempt is not None
    assert await steps.block_payment(late) == []
    assert await states(database, payment) == [("prepared", None)]
    await settle(steps, payment, died)


async def test_who_finds_an_obstacle_while_another_signs_looks_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "DEAD-RACE", 25)
    steps = PaymentActivitiesImpl(database, rail)
    async with database.autocommit() as connection:
        stale = await reservations.reserve(connection, payment.id, rail.channels)
    assert stale is not None
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    with pytest.raises(TryAgain):
        await steps._given_back(stale, PreparePaymentResult(None, because("no trustline")))
    resumed = (await steps.prepare_payment(payment)).attempt
    assert resumed == replace(attempt, resumed=True)
    await settle(steps, payment, attempt)


async def test_a_payment_that_was_only_reserved_for_gives_its_channel_back_while_the_breaker_is_open(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """The signer died before it signed; by the time it is back, nothing may be signed."""
    payment = await payment_owed(database, "RESERVED", 25)
    async with database.autocommit() as connection:
        held = await reservations.reserve(connection, payment.id, rail.channels)
    assert held is not None
    gate = SigningGate(database)
    steps = PaymentActivitiesImpl(database, rail, gate)
    await gate.circuit_breaker.trip("odd", "corr-reserved")
    why = await steps.prepare_payment(payment)
    await steps.block_payment(parking(payment, why, PaymentStatus.ON_HOLD))
    assert await states(database, payment) == [("on_hold", "the circuit breaker is open: odd")]
    async with database.autocommit() as connection:
        assert await reservations.get_reservation(connection, payment.id) is None
    await api.post("/payments/circuit-breaker", json={"action": "close", "reason": "seen to"})
    gate.circuit_breaker.forget()
    again = (await steps.prepare_payment(payment)).attempt
    assert again is not None
    await settle(steps, payment, again)


async def test_a_payee_frozen_by_the_validators_waits_without_a_channel(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """Its bytes are refused for ever: signed anew again and again, they would tell nobody."""
    payment, steps = await payment_owed(database, "FROZEN"), PaymentActivitiesImpl(database, rail)
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    fault = {"kind": "frozen_key", "address": payment.to_address}
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    assert str(await steps.submit_payment(attempt)) == "ERROR txFROZEN_KEY_ACCESSED"
    await past(rail, attempt)
    void = (await steps.prepare_payment(payment)).attempt
    assert void is not None
    why = f"the network's validators have frozen {payment.to_address}"
    assert (void.sequence, void.noop_reason) == (attempt.sequence, why)
    await steps.submit_payment(void)
    seen = await steps.observe_payment(void)
    assert (seen.outcome, seen.reason) == (AttemptOutcome.FAILED_BLOCKED, why)
    await steps.fail_attempt(ObservedAttempt(payment, void, seen, NOW))
    assert await served(database, void) is None
    # Tried again while it lasts, nothing is signed at all.
    again = await steps.prepare_payment(payment)
    assert (again.attempt, again.why, again.dead_after) == (None, why, None)

    await mend(chain)
    await past(rail, void)  # by then, what was frozen is read anew
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    await settle(steps, payment, attempt)
    assert await on_chain(stack, payment) == [1]
