"""
A channel serves for as long as its key is held: no payment is given another, and one that was given
it when it was ours is seen to its end, or waits for its key where it must be signed again.
"""

from dataclasses import replace

import httpx
import pytest
from stellar_sdk import Keypair

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts as reservations
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import AwaitingChannel, Blocked, Prepared
from domain.settlement.payments import PaymentStatus
from tests.testkit.settlement.batch_factory import count_credits, read_statuses, select_keys
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
)
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

Patch = pytest.MonkeyPatch


async def test_only_channels_with_a_known_key_are_taken(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    """The book knows more of them as free: those of a seed that was replaced, or of a larger count."""
    first, second, third = [await owe_payment(database, "HELD-KEYS") for _ in range(3)]
    steps = PaymentActivitiesImpl(database, rail)
    used = get_attempt(await steps.prepare_payment(first))
    await settle_after_expiry(steps, first, used)
    # Any other would have its turn before the one that was used last.
    monkeypatch.setattr(rail, "keys", select_keys(rail, only=used.channel))
    attempt = get_attempt(await steps.prepare_payment(second))
    assert attempt.channel == used.channel
    waiting = await steps.prepare_payment(third)
    assert isinstance(waiting, AwaitingChannel)
    await settle_after_expiry(steps, second, attempt)
    await settle_after_expiry(steps, third, replace(attempt, sequence=attempt.sequence + 1))


async def test_an_envelope_on_a_channel_without_a_key_is_observed_to_its_end(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-GONE")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=attempt.channel))
    assert await steps.prepare_payment(payment) == Prepared(replace(attempt, resumed=True))
    await settle_after_expiry(steps, payment, attempt)
    assert await count_credits(stack, payment) == [1]


async def test_a_payment_that_needs_a_missing_key_is_blocked_until_the_key_is_back(
    api: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    monkeypatch: Patch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    payment = await owe_payment(database, "KEY-NEEDED")
    steps = PaymentActivitiesImpl(database, rail)
    died = await let_expire(rail, steps, payment)
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=died.channel))
    why = await steps.prepare_payment(payment)
    assert isinstance(why, Blocked)
    assert why.dead_after == died.max_ledger
    sentence = why.reason.sentence
    assert f"the settlement worker has no signing seed for channel {died.channel}" in sentence
    assert "STELLAR_CHANNELS and STELLAR_CHANNELS_SEED" in sentence
    assert f"ALARM: {sentence}" in caplog.text
    await steps.block_payment(make_block_input(payment, why, PaymentStatus.BLOCKED))
    assert await read_statuses(database, payment) == [("blocked", sentence)]
    monkeypatch.undo()
    await settle_after_expiry(steps, payment, died)


async def test_an_unsigned_reservation_is_released_when_the_channel_key_is_missing(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-UNUSED")
    steps = PaymentActivitiesImpl(database, rail)
    async with database.autocommit() as connection:
        held = await reservations.reserve(connection, payment.id, rail.channels)
    assert held is not None
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=held.channel))
    assert "STELLAR_CHANNELS" in get_reason(await steps.prepare_payment(payment)).sentence
    attempt = get_attempt(await steps.prepare_payment(payment))
    assert attempt.channel != held.channel
    await settle_after_expiry(steps, payment, attempt)


async def test_a_treasury_without_a_key_pays_nothing(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await owe_payment(database, "KEY-OTHER")
    steps = PaymentActivitiesImpl(database, rail)
    another = {treasury: Keypair.random() for treasury in rail.keys.treasuries}
    monkeypatch.setattr(rail, "keys", replace(rail.keys, treasuries=another))
    why = await steps.prepare_payment(payment)
    assert get_reason(why).sentence == (
        f"the settlement worker has no signing seed for {payment.from_address}"
    )
    async with database.autocommit() as connection:  # nothing was signed, and no channel is taken
        assert await reservations.get_reservation(connection, payment.id) is None
    monkeypatch.undo()
    attempt = get_attempt(await steps.prepare_payment(payment))
    await settle_after_expiry(steps, payment, attempt)
