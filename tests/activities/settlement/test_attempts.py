"""
A channel is usable while its key is known: no payment reserves another, and one that was reserved
before is observed to its end, or waits for its key where it must be signed again.
"""

from dataclasses import replace

import httpx
import pytest

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts as reservations
from adapters.postgres.settlement import (
    payments,
)
from adapters.postgres.settlement.listings.payments import find_waits
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.settlement.attempts import (
    AwaitingChannel,
    Blocked,
    ObservedAttempt,
    OnHold,
    Prepared,
)
from domain.settlement.payments import (
    PaymentStatus,
)
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    count_credits,
    read_statuses,
    select_keys,
)
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

Patch = pytest.MonkeyPatch


async def test_only_channels_with_a_known_key_are_taken(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    """The database lists more free channels: those of a seed that was replaced, or of a larger count."""
    first, second, third = [await owe_payment(database, "HELD-KEYS") for _ in range(3)]
    activities = PaymentActivitiesImpl(database, rail)
    used = get_attempt(await activities.prepare_payment(first))
    await settle_after_expiry(activities, first, used)
    # Any other channel would be taken before the one used last.
    monkeypatch.setattr(rail, "keys", select_keys(rail, only=used.channel))
    attempt = get_attempt(await activities.prepare_payment(second))
    assert attempt.channel == used.channel
    waiting = await activities.prepare_payment(third)
    assert isinstance(waiting, AwaitingChannel)
    await settle_after_expiry(activities, second, attempt)
    await settle_after_expiry(activities, third, replace(attempt, sequence=attempt.sequence + 1))


async def test_a_payment_that_was_stopped_and_stands_in_line_is_pending(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    """What it waited for is over: nobody is asked for that any more."""
    first, second = [await owe_payment(database, "IN-LINE") for _ in range(2)]
    activities = PaymentActivitiesImpl(database, rail)
    used = get_attempt(await activities.prepare_payment(first))
    monkeypatch.setattr(rail, "keys", select_keys(rail, only=used.channel))
    for status in (PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED):
        why = OnHold(make_reason("two people"), NOW)
        assert await activities.block_payment(make_block_input(second, why, status))
        assert await read_statuses(database, second) == [(str(status), "two people")]
        assert isinstance(await activities.prepare_payment(second), AwaitingChannel)
        assert await read_statuses(database, second) == [("pending", None)]
        async with database.autocommit() as connection:
            assert not await find_waits(connection, [second.outage_id], NOW)
    late = make_block_input(first, OnHold(make_reason("late"), NOW), PaymentStatus.ON_HOLD)
    assert await activities.block_payment(late) is False  # it is signed
    await settle_after_expiry(activities, first, used)
    await settle_after_expiry(activities, second, replace(used, sequence=used.sequence + 1))


async def test_an_envelope_on_a_channel_without_a_key_is_observed_to_its_end(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-GONE")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=attempt.channel))
    assert await activities.prepare_payment(payment) == Prepared(replace(attempt, resumed=True))
    await settle_after_expiry(activities, payment, attempt)
    assert await count_credits(stack, payment) == [1]


async def test_a_payment_that_needs_a_missing_key_is_blocked_until_the_key_is_back(
    api: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    monkeypatch: Patch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    payment = await owe_payment(database, "KEY-NEEDED")
    activities = PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=expired.channel))
    why = await activities.prepare_payment(payment)
    assert isinstance(why, Blocked)
    assert why.dead_after == expired.max_ledger
    sentence = why.reason.sentence
    assert f"the settlement worker has no signing seed for channel {expired.channel}" in sentence
    assert "STELLAR_CHANNELS and STELLAR_CHANNELS_SEED" in sentence
    assert f"ALARM: {sentence}" in caplog.text
    await activities.block_payment(make_block_input(payment, why, PaymentStatus.BLOCKED))
    assert await read_statuses(database, payment) == [("blocked", sentence)]
    monkeypatch.undo()
    await settle_after_expiry(activities, payment, expired)


async def test_an_unsigned_reservation_is_released_when_the_channel_key_is_missing(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-UNUSED")
    activities = PaymentActivitiesImpl(database, rail)
    async with database.autocommit() as connection:
        reservation = await reservations.reserve(connection, payment.id, rail.channels)
    assert reservation is not None
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=reservation.channel))
    assert "STELLAR_CHANNELS" in get_reason(await activities.prepare_payment(payment)).sentence
    attempt = get_attempt(await activities.prepare_payment(payment))
    assert attempt.channel != reservation.channel
    await settle_after_expiry(activities, payment, attempt)


async def test_a_treasury_without_a_key_pays_nothing(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-OTHER")
    activities = PaymentActivitiesImpl(database, rail)
    monkeypatch.setattr(rail, "keys", replace(rail.keys, treasuries={}))
    why = await activities.prepare_payment(payment)
    assert get_reason(why).sentence == (
        f"the settlement worker has no signing seed for treasury {payment.from_address}: add it to "
        "STELLAR_TREASURY_SEEDS, and start the worker anew"
    )
    async with database.autocommit() as connection:  # nothing was signed, and no channel is taken
        assert await reservations.get_reservation(connection, payment.id) is None
    monkeypatch.undo()
    attempt = get_attempt(await activities.prepare_payment(payment))
    await settle_after_expiry(activities, payment, attempt)


async def test_an_unrecorded_send_that_lands_confirms_the_payment(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """The signer died between the send and its record, and then the circuit breaker let nothing be sent."""
    payment = await owe_payment(database, "UNNOTED", 5)
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    await rail.send(attempt.envelope_xdr)
    observation = await activities.observe_payment(attempt)
    receipt = await activities.confirm_payment(ObservedAttempt(payment, attempt, observation, NOW))
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment.id, EVERYTHING)
    assert (row.status, row.transaction_hash) == ("confirmed", receipt.transaction_hash)
