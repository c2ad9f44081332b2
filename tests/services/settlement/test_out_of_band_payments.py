"""Nothing is signed beside a payment that was made out of band."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningCheck
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, batches
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import Blocked, InBatch
from domain.settlement.batches import Plan
from domain.settlement.manual_matches import OutOfBandTransfer, make_obstacle
from domain.settlement.payments import Payment, PaymentStatus
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import FakeChainHistory, ReconciliationDriver
from tests.testkit.settlement.batch_factory import CLASSIC, NETTED
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
)
from tests.testkit.settlement.out_of_band import (
    THEIRS,
    list_out_of_band,
    send_out_of_band,
    store_channels,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment

LATER = NOW.replace(year=2100)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def driver(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


async def test_nothing_is_signed_beside_an_out_of_band_transfer_that_is_not_the_payment(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    await store_channels(scratch, rail)
    await send_out_of_band(driver, payment, less=1)
    (made,) = await list_out_of_band(scratch, payment)
    for _ in range(2):
        assert await activities.prepare_payment(payment) == Blocked(make_obstacle(payment, made))
    async with scratch.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None
        assert await connection.scalar(text("SELECT count(*) FROM envelopes")) == 0


@pytest.mark.parametrize("plan", [CLASSIC, NETTED])
async def test_a_batch_goes_on_without_a_member_paid_out_of_band(
    scratch: Database, driver: ReconciliationDriver, rail: Rail, plan: Plan
) -> None:
    await store_channels(scratch, rail)
    owed = [await owe_payment(scratch), await owe_payment(scratch, minutes=5)]
    alone = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    for payment in owed:
        assert isinstance(await alone.prepare_payment(payment), InBatch)
    async with scratch.transaction() as connection:
        batch = await batches.form_batch(connection, plan, LATER, rail.channels)
    assert batch is not None
    await send_out_of_band(driver, owed[0], less=1)
    # The payees of the scratch database do not exist on the chain; this test does not look for such faults.
    activities = BatchActivitiesImpl(scratch, rail, plan)
    activities.rail = FaultlessRail(rail)  # type: ignore[assignment]
    with pytest.raises(TryAgain, match="continues without 1 payments"):
        await activities.prepare_batch(batch)
    (made,) = await list_out_of_band(scratch, owed[0])
    # Its own workflow finds the reason, and it is not prepared again.
    assert await alone.prepare_payment(owed[0]) == Blocked(make_obstacle(owed[0], made))


class FaultlessRail:
    """A rail that finds no fault with any payee."""

    def __init__(self, rail: Rail) -> None:
        self.channels = rail.channels

    async def find_obstacles(self, transfers: object) -> dict[int, str]:
        return {}


async def test_an_expired_envelope_is_not_followed_beside_an_out_of_band_payment(
    database: Database, rail: Rail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real chain: its channel is kept for the no-op transaction that follows."""
    payment, activities = await owe_payment(database), PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    made = OutOfBandTransfer(
        *(payment.id, payment.number, "9", "transfer", THEIRS, 1, NOW),
        *(payment.from_address, payment.to_address, payment.amount_stroops - 1, False),
        *(NOW, NOW),
    )

    async def find_out_of_band(*payments: Payment) -> dict[str, OutOfBandTransfer]:
        return {payment.id: made}

    check = activities.gate.check_again

    async def check_again(asked: Payment) -> SigningCheck:
        return replace(await check(asked), may_be_made=True)

    with monkeypatch.context() as patch:
        patch.setattr(activities.gate, "find_out_of_band", find_out_of_band)
        patch.setattr(activities.gate, "check_again", check_again)
        why = await activities.prepare_payment(payment)
        assert why == Blocked(make_obstacle(payment, made), dead_after=expired.max_ledger)
        await activities.block_payment(make_block_input(payment, why, PaymentStatus.BLOCKED))
    # Without the out-of-band transfer, the payment goes on where it stopped.
    await settle_after_expiry(activities, payment, expired)
