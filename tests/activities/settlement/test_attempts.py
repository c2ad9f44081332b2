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
from tests.testkit.settlement.batch_factory import keys_of, on_chain, states
from tests.testkit.settlement.expired_envelopes import dead, parking, settle
from tests.testkit.settlement.payment_factory import payment_owed
from tests.testkit.settlement.preparations import get_attempt, get_reason

Patch = pytest.MonkeyPatch


async def test_only_channels_whose_keys_are_held_are_taken(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    """The book knows more of them as free: those of a seed that was replaced, or of a larger count."""
    first, second, third = [await payment_owed(database, "HELD-KEYS") for _ in range(3)]
    steps = PaymentActivitiesImpl(database, rail)
    used = get_attempt(await steps.prepare_payment(first))
    await settle(steps, first, used)
    # Any other would have its turn before the one that was used last.
    monkeypatch.setattr(rail, "keys", keys_of(rail, only=used.channel))
    attempt = get_attempt(await steps.prepare_payment(second))
    assert attempt.channel == used.channel
    waiting = await steps.prepare_payment(third)
    assert isinstance(waiting, AwaitingChannel)
    await settle(steps, second, attempt)
    await settle(steps, third, replace(attempt, sequence=attempt.sequence + 1))


async def test_bytes_on_a_channel_whose_key_is_gone_are_seen_to_their_end(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await payment_owed(database, "KEY-GONE")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    monkeypatch.setattr(rail, "keys", keys_of(rail, without=attempt.channel))
    assert await steps.prepare_payment(payment) == Prepared(replace(attempt, resumed=True))
    await settle(steps, payment, attempt)
    assert await on_chain(stack, payment) == [1]


async def test_who_needs_a_signature_of_a_key_that_is_gone_is_parked_until_it_is_back(
    api: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    monkeypatch: Patch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    payment = await payment_owed(database, "KEY-NEEDED")
    steps = PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    monkeypatch.setattr(rail, "keys", keys_of(rail, without=died.channel))
    why = await steps.prepare_payment(payment)
    assert isinstance(why, Blocked)
    assert why.dead_after == died.max_ledger
    sentence = why.reason.sentence
    assert f"the settlement worker has no signing seed for channel {died.channel}" in sentence
    assert "STELLAR_CHANNELS and STELLAR_CHANNELS_SEED" in sentence
    assert f"ALARM: {sentence}" in caplog.text
    await steps.block_payment(parking(payment, why, PaymentStatus.BLOCKED))
    assert await states(database, payment) == [("blocked", sentence)]
    monkeypatch.undo()
    await settle(steps, payment, died)


async def test_a_channel_nobody_has_signed_for_is_given_back_when_its_key_is_gone(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await payment_owed(database, "KEY-UNUSED")
    steps = PaymentActivitiesImpl(database, rail)
    async with database.autocommit() as connection:
        held = await reservations.reserve(connection, payment.id, rail.channels)
    assert held is not None
    monkeypatch.setattr(rail, "keys", keys_of(rail, without=held.channel))
    assert "STELLAR_CHANNELS" in get_reason(await steps.prepare_payment(payment)).sentence
    attempt = get_attempt(await steps.prepare_payment(payment))
    assert attempt.channel != held.channel
    await settle(steps, payment, attempt)


async def test_a_treasury_whose_key_we_do_not_hold_pays_nothing(
    api: httpx.AsyncClient, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    payment = await payment_owed(database, "KEY-OTHER")
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
    await settle(steps, payment, attempt)
