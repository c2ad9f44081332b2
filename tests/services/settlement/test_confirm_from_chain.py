"""What the chain shows as paid by bytes that the database does not know is booked, once, and never paid again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    attempts,
    batches,
    payments,
    wallets,
)
from adapters.postgres.settlement.owners import registrations
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import ChainUnavailable, TryAgain
from domain.settlement.attempts import (
    Attempt,
    Blocked,
    InBatch,
    Redirected,
)
from domain.settlement.batches import Batch, EmptyBatch
from domain.settlement.owners.registrations import Registration
from domain.settlement.owners.wallets import Payout, PayoutRole
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.batches.read_batch import read_batch
from services.settlement.batches.store_batch_envelope import store_batch_envelope
from services.settlement.payments.confirm_from_chain import ConfirmFromChain, confirm_from_chain
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    BEGAN,
    FakeChainHistory,
    ReconciliationDriver,
    make_transfer,
)
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import CLASSIC
from tests.testkit.settlement.chain_receipts import (
    EXPIRED,
    RECORDED,
    FaultlessRail,
    assert_sound,
    read_channel,
    read_recorded,
    sign_something,
)
from tests.testkit.settlement.out_of_band import THEIRS, send_out_of_band, store_channels
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_receipt

LATER = NOW.replace(year=2100)
ELSEWHERE = "GELSEWHERE"


@pytest.fixture(autouse=True)
def one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written into the history is the chain of these tests: every node shows it."""

    async def is_corroborated(self: Rail, transaction_hash: str, ledger: int) -> bool:
        return True

    monkeypatch.setattr(Rail, "is_corroborated", is_corroborated)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def driver(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


@pytest.mark.parametrize(
    "status", [PaymentStatus.PENDING, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED]
)
async def test_a_payment_that_the_chain_has_made_is_confirmed_with_its_transaction(
    scratch: Database, driver: ReconciliationDriver, rail: Rail, status: PaymentStatus
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    await store_channels(scratch, rail)
    if status is not PaymentStatus.PENDING:
        async with scratch.transaction() as connection:
            assert await payments.stop(connection, payment.id, status, make_reason("it waits"))
    await send_out_of_band(driver, payment)
    for _ in range(2):
        receipt = get_receipt(await activities.prepare_payment(payment))
        assert (receipt.transaction_hash, receipt.confirmed_at) == (THEIRS, BEGAN)
    assert await read_recorded(scratch, payment) == RECORDED
    await assert_sound(scratch)


async def test_two_engines_confirm_at_the_same_time_once(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    wanted = ConfirmFromChain(payment, NOW)
    assert [await confirm_from_chain(scratch, wanted) for _ in range(2)] == [True, True]
    assert await read_recorded(scratch, payment) == RECORDED


async def test_a_reservation_for_which_nothing_was_signed_is_freed(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    await store_channels(scratch, rail)
    async with scratch.transaction() as connection:
        reservation = await attempts.reserve(connection, payment.id, rail.channels)
    assert reservation is not None
    await send_out_of_band(driver, payment)
    get_receipt(await activities.prepare_payment(payment))
    assert await read_recorded(scratch, payment) == RECORDED
    assert await read_channel(scratch, reservation.channel) == (7, None)
    await assert_sound(scratch)


async def test_while_bytes_of_ours_may_be_applied_nothing_is_confirmed(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    await sign_something(scratch, rail, payment)
    await send_out_of_band(driver, payment)
    assert await confirm_from_chain(scratch, ConfirmFromChain(payment, NOW)) is False
    assert (await read_recorded(scratch, payment))["status"] == "prepared"


async def test_bytes_that_expired_unused_end_and_their_sequence_is_used_again(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    dead = await sign_something(scratch, rail, payment)
    await send_out_of_band(driver, payment)
    other = replace(dead, max_ledger=4999)  # bytes that were replaced meanwhile prove nothing
    assert await confirm_from_chain(scratch, ConfirmFromChain(payment, NOW, other)) is False
    assert await confirm_from_chain(scratch, ConfirmFromChain(payment, NOW, dead)) is True
    assert await read_recorded(scratch, payment) == RECORDED
    assert await read_channel(scratch, dead.channel) == (7, None)
    await assert_sound(scratch)


async def test_a_transfer_from_before_the_repair_is_never_taken(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    await store_channels(scratch, rail)
    early = datetime(2026, 1, 31, 11, tzinfo=UTC)  # an hour before the outage began
    made = make_transfer(THEIRS, 500, payment.number, payment.amount_stroops, payment.to_address)
    driver.fake_history.transfers = [replace(made, closed_at=early)]
    await driver.read_chain()
    blocked = await activities.prepare_payment(payment)
    assert isinstance(blocked, Blocked)
    assert "before the outage began, so it is not this payment" in blocked.reason.sentence
    assert "manual-match" not in blocked.reason.sentence
    assert (await read_recorded(scratch, payment))["status"] == "pending"


async def form_batch(scratch: Database, rail: Rail) -> tuple[list[Payment], Batch]:
    await store_channels(scratch, rail)
    owed = [await owe_payment(scratch), await owe_payment(scratch, minutes=5)]
    alone = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    for payment in owed:
        assert isinstance(await alone.prepare_payment(payment), InBatch)
    async with scratch.transaction() as connection:
        batch = await batches.form_batch(connection, CLASSIC, LATER, rail.channels)
    assert batch is not None
    return owed, batch


async def test_a_member_that_the_chain_has_paid_leaves_its_batch_and_is_confirmed(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    owed, batch = await form_batch(scratch, rail)
    await send_out_of_band(driver, owed[0])
    activities = BatchActivitiesImpl(scratch, rail, CLASSIC)
    activities.rail = FaultlessRail(rail)  # type: ignore[assignment]
    with pytest.raises(TryAgain, match="continues without 1 payments"):
        await activities.prepare_batch(batch)
    alone = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    get_receipt(await alone.prepare_payment(owed[0]))
    assert await read_recorded(scratch, owed[0]) == RECORDED
    assert isinstance(await alone.prepare_payment(owed[1]), InBatch)
    await assert_sound(scratch)


async def test_a_batch_whose_bytes_expired_is_given_up_when_a_member_was_paid_otherwise(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    owed, batch = await form_batch(scratch, rail)
    record = await read_batch(scratch, batch)
    assert record.reservation is not None
    await store_batch_envelope(scratch, batch, record.reservation, EXPIRED, record.transfers)
    await send_out_of_band(driver, owed[0])
    activities = BatchActivitiesImpl(scratch, rail, CLASSIC)
    activities.rail = FaultlessRail(rail)  # type: ignore[assignment]
    prepared = await activities.prepare_batch(batch)
    # Their workflows look again: one finds that it is paid, the other is ready for another batch.
    assert isinstance(prepared.state, EmptyBatch)
    assert sorted(prepared.withdrawn) == sorted(payment.id for payment in owed)
    alone = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    get_receipt(await alone.prepare_payment(owed[0]))
    assert await read_recorded(scratch, owed[0]) == RECORDED
    assert isinstance(await alone.prepare_payment(owed[1]), InBatch)
    assert await read_channel(scratch, record.reservation.channel) == (7, None)
    async with scratch.transaction() as connection:
        again = await batches.form_batch(connection, CLASSIC, LATER, rail.channels)
    assert again is not None
    assert set((await read_batch(scratch, again)).members) == {owed[1].id}
    await assert_sound(scratch)


class DoubtedRail(FaultlessRail):
    """One node says that all bytes expired, and no other does."""

    async def is_dead(self, attempt: Attempt) -> bool:
        return False


async def test_a_batch_is_not_given_up_while_one_node_alone_says_that_its_bytes_expired(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    """They may be applied, and what is left of the batch would be paid by another pair as well."""
    owed, batch = await form_batch(scratch, rail)
    record = await read_batch(scratch, batch)
    assert record.reservation is not None
    await store_batch_envelope(scratch, batch, record.reservation, EXPIRED, record.transfers)
    await send_out_of_band(driver, owed[0])
    activities = BatchActivitiesImpl(scratch, rail, CLASSIC)
    activities.rail = DoubtedRail(rail)  # type: ignore[assignment]
    with pytest.raises(ChainUnavailable, match="too few nodes show"):
        await activities.prepare_batch(batch)
    assert set((await read_batch(scratch, batch)).members) == {payment.id for payment in owed}


async def test_with_netting_a_payment_that_may_have_been_made_under_anothers_number_waits(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    await store_channels(scratch, rail)
    owed = [await owe_payment(scratch), await owe_payment(scratch)]
    to, total = owed[0].to_address, sum(payment.amount_stroops for payment in owed)
    driver.fake_history.transfers = [make_transfer(THEIRS, 500, owed[0].number, total, to)]
    await driver.read_chain()
    alone = PaymentActivitiesImpl(
        scratch, rail, SigningGate(scratch, nets=True), batches_payments=True
    )
    for payment, wanted in zip(owed, ("is not what it owes", "together with others"), strict=True):
        blocked = await alone.prepare_payment(payment)
        assert isinstance(blocked, Blocked)
        assert wanted in blocked.reason.sentence
    # What is owed to somebody else goes on.
    other = await owe_payment(scratch, minutes=5)
    assert isinstance(await alone.prepare_payment(other), InBatch)


async def test_with_netting_what_was_paid_at_an_address_before_is_found(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    """The engine that is lost paid two debts at the old address, and the payee has moved since."""
    await store_channels(scratch, rail)
    payment = await owe_payment(scratch)
    total = 2 * payment.amount_stroops
    driver.fake_history.transfers = [make_transfer(THEIRS, 500, 4711, total, payment.to_address)]
    await driver.read_chain()
    moved = Payout("default", PayoutRole.BENEFICIARY, ELSEWHERE, LATER)
    async with scratch.transaction() as connection:
        await registrations.register(connection, Registration(ELSEWHERE, "theirs", None), NOW)
        await wallets.request_payout_change(connection, "pyo_moved", moved, "tester", NOW)
    gate = SigningGate(scratch, now=lambda: LATER, nets=True)
    alone = PaymentActivitiesImpl(scratch, rail, gate, batches_payments=True)
    redirected = await alone.prepare_payment(payment)
    assert isinstance(redirected, Redirected)
    assert redirected.payment.to_address == ELSEWHERE
    blocked = await alone.prepare_payment(redirected.payment)
    assert isinstance(blocked, Blocked)
    assert "together with others" in blocked.reason.sentence
