"""A sequence that unknown bytes consumed, or a failure that one node claims, is held against what the chain shows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from activities.networks import ChainReadings
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import Extent
from domain.networks import ReadingBound
from domain.reasons import ReasonCode
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
    OnHold,
)
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import FakeChainHistory, ReconciliationDriver
from tests.testkit.settlement.chain_receipts import (
    EXPIRED,
    RECORDED,
    FaultlessRail,
    assert_sound,
    read_channel,
    read_recorded,
    sign_something,
)
from tests.testkit.settlement.out_of_band import (
    THEIRS,
    make_transfer_of,
    send_out_of_band,
    store_channels,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_receipt


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def driver(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


class ConsumingRail(FaultlessRail):
    """A rail on which unknown bytes have consumed each sequence, as of ledger 900."""

    async def observe(self, attempt: Attempt, hashes: object) -> Observation:
        why = ReasonCode.UNKNOWN_TRANSACTION
        return Observation(AttemptOutcome.FOREIGN, 900, reason="by bytes", reason_code=why)


def open_activities(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> PaymentActivitiesImpl:
    """Activities that read the driver's chain before they call a transaction foreign."""
    bound = ReadingBound(0, timedelta(seconds=60))
    readings = ChainReadings(scratch, driver.activities.history, bound)
    consuming: Any = ConsumingRail(rail)
    gate = SigningGate(scratch, readings=readings, passphrase=rail.passphrase)
    return PaymentActivitiesImpl(scratch, consuming, gate)


async def test_a_sequence_consumed_by_bytes_that_paid_this_payment_is_no_quarantine(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    signed = await sign_something(scratch, rail, payment)
    await send_out_of_band(driver, payment)
    activities = open_activities(scratch, driver, rail)
    observation = await activities.observe_payment(signed)
    assert observation.outcome is AttemptOutcome.FAILED_RETRY
    assert observation.reason == f"transaction {THEIRS} has paid payment {payment.id} instead"
    await activities.fail_attempt(ObservedAttempt(payment, signed, observation, NOW))
    receipt = get_receipt(await activities.prepare_payment(payment))
    assert receipt.transaction_hash == THEIRS
    assert await read_recorded(scratch, payment) == RECORDED
    assert await read_channel(scratch, signed.channel) == (8, None)
    async with scratch.autocommit() as connection:
        assert not (await circuit_breakers.get_state(connection)).is_open
    await assert_sound(scratch)


async def test_a_sequence_is_not_called_foreign_before_the_chain_is_read_up_to_there(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    signed = await sign_something(scratch, rail, payment)
    driver.fake_history.known_extent = Extent(1, 899)
    activities = open_activities(scratch, driver, rail)
    assert (await activities.observe_payment(signed)).outcome is AttemptOutcome.OPEN


async def test_a_sequence_consumed_by_bytes_that_paid_nobody_of_ours_stays_foreign(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    signed = await sign_something(scratch, rail, payment)
    await send_out_of_band(driver, payment, less=1)
    activities = open_activities(scratch, driver, rail)
    assert (await activities.observe_payment(signed)).outcome is AttemptOutcome.FOREIGN


async def test_an_attempt_that_a_node_calls_failed_and_the_chain_shows_as_applied_is_the_payment(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    """Nothing more is signed: not before the newest ledger is read, and not after it."""
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    signed = await sign_something(scratch, rail, payment)
    activities = open_activities(scratch, driver, rail)
    assert activities.gate.readings is not None
    activities.gate.readings.newest_ledger = lambda: 1003
    lie = Observation(AttemptOutcome.FAILED_RETRY, 1001, reason="a node says so")
    await activities.fail_attempt(ObservedAttempt(payment, signed, lie, NOW))
    on_hold = await activities.prepare_payment(payment)
    assert isinstance(on_hold, OnHold)
    assert on_hold.reason.code is ReasonCode.CHAIN_UNREAD
    driver.fake_history.known_extent = Extent(1, 1003)
    driver.fake_history.transfers = [make_transfer_of(payment, 1001, EXPIRED.hash)]
    receipt = get_receipt(await activities.prepare_payment(payment))
    assert receipt.transaction_hash == EXPIRED.hash
    assert await read_recorded(scratch, payment) == RECORDED | {"transaction_hash": EXPIRED.hash}
    await assert_sound(scratch)
