"""The circuit breaker as a worker uses it: opened once, seen within a second, and it pages."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import update

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.circuit_breakers import FRESH_SECONDS, CircuitBreaker
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.attestations import AttestationActivitiesImpl
from adapters.postgres import events
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from adapters.postgres.tables import channels
from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import TryAgain
from domain.requests import Request
from domain.settlement.attempts import (
    AttemptOutcome,
    Observation,
    ObservedAttempt,
    SettlementRail,
    Voided,
)
from domain.settlement.batches import EmptyBatch, Plan
from domain.settlement.circuit_breakers import CircuitBreakerLimits
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.sla.attestations import (
    Call,
    CallOutcome,
    CallStatus,
    OwnCall,
)
from domain.sla.outages import VoidDebtInput, VoidRequest
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt
from services.settlement.voids.void_debt import void_debt
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.attestation_scenario import ASKER, judge_for_attestation
from tests.testkit.reasons import parse_answer
from tests.testkit.settlement.batch_factory import form_batch, run_until_accepted
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

CORRELATION = "corr-breaker"


@pytest.fixture(autouse=True)
async def closed(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """Whatever a test does, the stack that all share settles again afterwards."""
    yield
    await api.post(
        "/payments/circuit-breaker", json={"action": "close", "reason": "the test is over"}
    )
    assert (await api.get("/payments/circuit-breaker")).json()["is_open"] is False


async def test_it_opens_once_pages_and_puts_new_payments_on_hold(
    api: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    payment, reason = await owe_payment(database), make_unique_id("odd")
    switch, other = CircuitBreaker(database), CircuitBreaker(database)
    assert await other.reason() is None
    with caplog.at_level(logging.ERROR):
        await switch.trip(reason, CORRELATION)
        await other.trip("something else", CORRELATION)
    assert [record.getMessage() for record in caplog.records] == [
        f"the circuit breaker is open, nothing new is settled: {reason}"
    ]
    door = SigningGate(database, circuit_breaker=switch)
    hold = await door.find_hold(payment)
    assert hold is not None
    assert hold.reason.sentence == f"the circuit breaker is open: {reason}"
    assert str(await door.get_send_obstacle()) == f"not sent, the circuit breaker is open: {reason}"

    async def heard() -> bool:
        return await other.reason() == reason

    await wait_until(heard, "another worker hears of it", FRESH_SECONDS + 1)
    async with database.autocommit() as connection:
        last = (await read_trail(connection, "circuit_breaker/settlement"))[-1]
        feed = await events.list_after(connection, events.Cursor(), 10_000, EVERYTHING)
    assert (last["action"], last["actor"]) == ("circuit_breaker.opened", "engine")
    opened = [each for each in feed if each.type == "settlement.circuit_breaker_opened"]
    assert opened[-1].data["reason"] == reason
    assert opened[-1].outage_id is None


async def test_refused_answers_open_it(api: httpx.AsyncClient, database: Database) -> None:
    switch = CircuitBreaker(database, CircuitBreakerLimits(alarms=2))
    for answer in ("ERROR txBAD_AUTH", "PENDING", "UNKNOWN ReadTimeout"):
        await switch.record_answer(parse_answer(answer), CORRELATION)
        assert await switch.reason() is None
    await switch.record_answer(parse_answer("ERROR txBAD_AUTH"), CORRELATION)
    assert "refused with a code that only we can mend" in (await switch.reason() or "")


async def test_switching_to_the_present_state_changes_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    async with database.autocommit() as connection:
        before = await circuit_breakers.get_state(connection)
        by, at = Request("tester", CORRELATION), datetime.now(UTC)
        assert await switch_halt(database, SwitchHalt(before.is_open, "no news", by, at)) is False
        assert await circuit_breakers.get_state(connection) == before


async def is_on_chain(stack: Stack, number: int) -> int:
    seen = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    return sum(transfer.number == number for transfer in seen)


async def close_circuit_breaker(database: Database, switch: CircuitBreaker) -> None:
    by = Request("tester", CORRELATION)
    await switch_halt(database, SwitchHalt(False, "mended", by, datetime.now(UTC)))
    switch.forget()


async def test_signed_envelopes_are_not_sent_while_it_is_open_and_sent_ones_are_observed(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    switch = CircuitBreaker(database)
    activities = PaymentActivitiesImpl(
        database, rail, SigningGate(database, circuit_breaker=switch)
    )
    sent, unsent = await owe_payment(database), await owe_payment(database)
    first = get_attempt(await activities.prepare_payment(sent))
    second = get_attempt(await activities.prepare_payment(unsent))
    await activities.submit_payment(first)
    await switch.trip("odd", CORRELATION)
    for attempt in (first, second):
        assert (
            str(await activities.submit_payment(attempt))
            == "not sent, the circuit breaker is open: odd"
        )
        assert await activities.raise_fee(attempt) == attempt
    # An envelope that may have been sent is still answered, so that it is observed.
    again = get_attempt(await activities.prepare_payment(sent))
    assert again.hash == first.hash
    seen = await activities.observe_payment(first)
    assert seen.outcome is AttemptOutcome.SUCCEEDED
    await activities.confirm_payment(ObservedAttempt(sent, first, seen, NOW))
    assert await is_on_chain(stack, unsent.number) == 0

    await close_circuit_breaker(database, switch)
    assert str(await activities.submit_payment(second)) == "PENDING"
    seen = await activities.observe_payment(second)
    assert seen.outcome is AttemptOutcome.SUCCEEDED
    await activities.confirm_payment(ObservedAttempt(unsent, second, seen, NOW))
    assert [await is_on_chain(stack, each.number) for each in (sent, unsent)] == [1, 1]


async def test_a_quarantine_opens_it(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    switch = CircuitBreaker(database)
    activities = PaymentActivitiesImpl(
        database, rail, SigningGate(database, circuit_breaker=switch)
    )
    payment = await owe_payment(database)
    attempt = get_attempt(await activities.prepare_payment(payment))
    await activities.submit_payment(attempt)
    foreign = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
    await activities.quarantine_payment(ObservedAttempt(payment, attempt, foreign, NOW))
    assert await switch.reason() == (
        f"payment {payment.id} is quarantined: an unknown transaction used channel {attempt.channel}"
    )
    seen = await activities.observe_payment(attempt)
    await activities.confirm_payment(ObservedAttempt(payment, attempt, seen, NOW))
    async with database.autocommit() as connection:  # the stack keeps all of its channels
        await connection.execute(
            update(channels).where(channels.c.address == attempt.channel).values(quarantined=False)
        )
    assert await is_on_chain(stack, payment.number) == 1


async def test_a_send_without_an_answer_is_counted(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    switch = CircuitBreaker(database, CircuitBreakerLimits(unknowns=2))
    activities = PaymentActivitiesImpl(
        database, rail, SigningGate(database, circuit_breaker=switch)
    )
    attempt = get_attempt(await activities.prepare_payment(await owe_payment(database)))
    broken = replace(attempt, envelope_xdr="not an envelope")
    assert (await activities.submit_payment(broken)).status is SendStatus.UNKNOWN
    assert await switch.reason() is None
    await activities.submit_payment(broken)
    assert "2 sends within 10 minutes" in (await switch.reason() or "")


async def test_no_batch_is_formed_or_signed_while_it_is_open(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    switch = CircuitBreaker(database)
    gate, plan = SigningGate(database, circuit_breaker=switch), Plan(SettlementRail.CLASSIC, 0)
    payment_activities = PaymentActivitiesImpl(database, rail, gate, batches_payments=True)
    payment, wrong = await owe_payment(database), await owe_payment(database)
    _, batch = await form_batch(database, rail, plan, payment, wrong)
    await switch.trip("odd", CORRELATION)
    activities = BatchActivitiesImpl(database, rail, plan, gate)
    # It may stay open for days: each payment waits by itself, and says why, and a wrong debt may be voided.
    ended = await run_until_accepted(activities.prepare_batch, batch)
    assert ended.state == EmptyBatch()
    assert {payment.id, wrong.id} <= {*ended.withdrawn}
    for each in (payment, wrong, await owe_payment(database)):
        hold = await payment_activities.prepare_payment(each)
        assert str(get_reason(hold)) == "the circuit breaker is open: odd"
    voiding = VoidRequest(Request("ada", CORRELATION), "another provider's mast")
    await void_debt(database, VoidDebtInput(wrong.outage_id, voiding, NOW), "sandbox")
    await close_circuit_breaker(database, switch)
    assert await payment_activities.prepare_payment(wrong) == Voided()
    _, again = await form_batch(database, rail, plan, payment)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, again))
    await activities.submit_payment(attempt)
    assert (await activities.observe_payment(attempt)).outcome is AttemptOutcome.SUCCEEDED


class UncalledContract:
    """A contract that nobody may call; earlier calls are still observed."""

    source = "GNOBODY"
    watched = 0

    async def watch(self, call: Call, reason: str) -> CallOutcome:
        assert "the circuit breaker is open" in reason
        self.watched += 1
        return CallOutcome(CallStatus.OPEN)

    async def raise_bid(self, *_asked: Any) -> None:
        return None


class RefusingContract(UncalledContract):
    """A contract whose calls the network refuses for what only we can mend."""

    async def send(self, call: Call) -> SendAnswer:
        return parse_answer("ERROR txBAD_AUTH")

    async def watch(self, call: Call, reason: str) -> CallOutcome:
        return CallOutcome(CallStatus.OPEN)


async def test_answers_to_contract_calls_open_it(
    api: httpx.AsyncClient, database: Database
) -> None:
    switch = CircuitBreaker(database, CircuitBreakerLimits(alarms=1))
    gate = SigningGate(database, circuit_breaker=switch)
    activities = AttestationActivitiesImpl(database, cast(SlaContract, RefusingContract()), gate)
    attestation = await judge_for_attestation(database)
    sent = Call(attestation.outage_id, 1, 1, "GNOBODY", 7, 99, "f" * 64, "bytes")
    assert await activities.execute_call(OwnCall(sent)) is CallStatus.OPEN
    assert "refused with a code that only we can mend" in (await switch.reason() or "")
    async with database.autocommit() as connection:
        last = (await read_trail(connection, "circuit_breaker/settlement"))[-1]
    # Whoever follows the outage finds what it led to.
    assert (last["action"], last["correlation_id"]) == (
        "circuit_breaker.opened",
        ASKER.correlation_id,
    )


async def test_the_contract_is_not_called_while_it_is_open(
    api: httpx.AsyncClient, database: Database
) -> None:
    switch, contract = CircuitBreaker(database), UncalledContract()
    activities = AttestationActivitiesImpl(
        database, cast(SlaContract, contract), SigningGate(database, circuit_breaker=switch)
    )
    attestation = await judge_for_attestation(database)
    await switch.trip("odd", CORRELATION)
    with pytest.raises(TryAgain, match="the circuit breaker is open: odd"):
        await activities.prepare_call(attestation)
    sent = Call(attestation.outage_id, 1, 1, "GNOBODY", 7, 99, "f" * 64, "bytes")
    assert await activities.execute_call(OwnCall(sent)) is CallStatus.OPEN
    assert contract.watched == 1
