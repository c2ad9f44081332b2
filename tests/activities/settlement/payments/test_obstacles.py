"""What stands in the way of a signature: the payment waits without a channel, and a late run changes nothing."""

from dataclasses import replace

import httpx
import pytest

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts as reservations
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import (
    AttemptOutcome,
    Blocked,
    ObservedAttempt,
)
from domain.settlement.payments import BlockPaymentInput, PaymentStatus
from tests.activities.settlement.test_payments import (
    clear_faults,
    find_served_payment,
    remove_trustline,
)
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import count_credits, read_statuses
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
    wait_until_expired,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason


@pytest.mark.parametrize("sent", [False, True])
async def test_a_payment_is_blocked_while_no_no_op_can_be_signed(
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    sent: bool,
) -> None:
    payment = await owe_payment(database, "DEAD-ALONE", 25)
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    if sent:
        await activities.submit_payment(expired)
    await remove_trustline(chain, stack)
    monkeypatch.setattr(rail, "fee_cap_stroops", 100)
    why = await activities.prepare_payment(payment)
    blocking = make_block_input(payment, why, PaymentStatus.BLOCKED)
    await activities.block_payment(blocking)
    assert await read_statuses(database, payment) == [("blocked", get_reason(why).sentence)]
    assert "raise STELLAR_FEE_CAP_STROOPS" in get_reason(why).sentence
    await activities.block_payment(blocking)
    await clear_faults(chain)
    monkeypatch.undo()
    await settle_after_expiry(activities, payment, expired)
    assert await read_statuses(database, payment) == [("confirmed", None)]
    assert await count_credits(stack, payment) == [1]


async def test_a_late_run_does_not_block_a_payment_that_was_signed_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """One run finds that nothing can follow the expired envelope; meanwhile another run has signed."""
    payment = await owe_payment(database, "DEAD-LATE", 25)
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    late = BlockPaymentInput(
        payment, make_reason("no trustline"), NOW, dead_after=expired.max_ledger
    )
    get_attempt(await activities.prepare_payment(payment))
    await activities.block_payment(late)
    assert await read_statuses(database, payment) == [("prepared", None)]
    await settle_after_expiry(activities, payment, expired)


async def test_a_run_that_finds_an_obstacle_while_another_signs_looks_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "DEAD-RACE", 25)
    activities = PaymentActivitiesImpl(database, rail)
    async with database.autocommit() as connection:
        stale = await reservations.reserve(connection, payment.id, rail.channels)
    assert stale is not None
    attempt = get_attempt(await activities.prepare_payment(payment))
    with pytest.raises(TryAgain):
        await activities._give_back(stale, Blocked(make_reason("no trustline")))
    resumed = get_attempt(await activities.prepare_payment(payment))
    assert resumed == replace(attempt, resumed=True)
    await settle_after_expiry(activities, payment, attempt)


async def test_an_unsigned_reservation_is_released_while_the_circuit_breaker_is_open(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """The signer died before it signed; by the time it is back, nothing may be signed."""
    payment = await owe_payment(database, "RESERVED", 25)
    async with database.autocommit() as connection:
        reservation = await reservations.reserve(connection, payment.id, rail.channels)
    assert reservation is not None
    gate = SigningGate(database)
    activities = PaymentActivitiesImpl(database, rail, gate)
    await gate.circuit_breaker.trip("odd", "corr-reserved")
    why = await activities.prepare_payment(payment)
    await activities.block_payment(make_block_input(payment, why, PaymentStatus.ON_HOLD))
    assert await read_statuses(database, payment) == [
        ("on_hold", "the circuit breaker is open: odd")
    ]
    async with database.autocommit() as connection:
        assert await reservations.get_reservation(connection, payment.id) is None
    await api.post("/payments/circuit-breaker", json={"action": "close", "reason": "seen to"})
    gate.circuit_breaker.forget()
    again = get_attempt(await activities.prepare_payment(payment))
    await settle_after_expiry(activities, payment, again)


async def test_a_frozen_payee_waits_without_a_channel(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    """Its envelope would be refused for ever, however often it is signed again."""
    payment, activities = (
        await owe_payment(database, "FROZEN"),
        PaymentActivitiesImpl(database, rail),
    )
    attempt = get_attempt(await activities.prepare_payment(payment))
    fault = {"kind": "frozen_key", "address": payment.to_address}
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    assert str(await activities.submit_payment(attempt)) == "ERROR txFROZEN_KEY_ACCESSED"
    await wait_until_expired(rail, attempt)
    noop = get_attempt(await activities.prepare_payment(payment))
    why = f"the network's validators have frozen {payment.to_address}"
    assert (noop.sequence, noop.noop_reason) == (attempt.sequence, why)
    await activities.submit_payment(noop)
    seen = await activities.observe_payment(noop)
    assert (seen.outcome, seen.reason) == (AttemptOutcome.FAILED_BLOCKED, why)
    await activities.fail_attempt(ObservedAttempt(payment, noop, seen, NOW))
    assert await find_served_payment(database, noop) is None
    # Tried again while it lasts, nothing is signed at all.
    again = await activities.prepare_payment(payment)
    assert isinstance(again, Blocked)
    assert (again.reason.sentence, again.dead_after) == (why, None)

    await clear_faults(chain)
    await wait_until_expired(rail, noop)  # by then, what was frozen is read anew
    attempt = get_attempt(await activities.prepare_payment(payment))
    await settle_after_expiry(activities, payment, attempt)
    assert await count_credits(stack, payment) == [1]
