"""A debt is voided before anything is signed, by somebody who has no part in it, and never after."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from adapters.postgres import installation
from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, attempts, payments
from adapters.postgres.sla import outages
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict, Forbidden, TryAgain
from domain.requests import Request
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import ObservedAttempt, Prepared, SettlementRail, Voided
from domain.settlement.payments import Payment, PaymentStatus
from domain.sla.disputes import Dispute, FileDisputeInput
from domain.sla.outages import OutageStatus, VoidDebtInput, VoidRequest
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.channels.reserve_channel import reserve_channel
from services.settlement.payments.store_envelope import store_envelope
from services.settlement.voids.void_debt import void_debt
from tests.activities.settlement.limits.test_approvals import approve
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.batch_factory import CLASSIC, form_batch, submit_batch
from tests.testkit.settlement.payment_factory import (
    ASKER,
    NOW,
    judge_outage,
    make_owe_input,
    owe_payment,
)

ADMIN = Request("ada", "corr-void")


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


def make_void(outage_id: str, by: Request = ADMIN) -> VoidDebtInput:
    return VoidDebtInput(outage_id, VoidRequest(by, "another provider's mast"), NOW)


async def list_owed(database: Database, payment: Payment) -> int:
    """Return the stroops that the journal still owes by a payment."""
    async with database.autocommit() as connection:
        posted = await journal.list_by_payment(connection, payment.id)
    return -sum(each.amount_stroops for each in posted if each.account.startswith("payable:"))


async def settle(activities: PaymentActivitiesImpl, payment: Payment) -> None:
    """Send what is signed, and free its channel."""
    prepared = await activities.prepare_payment(payment)
    assert isinstance(prepared, Prepared)
    await activities.submit_payment(prepared.attempt)
    seen = await activities.observe_payment(prepared.attempt)
    await activities.confirm_payment(ObservedAttempt(payment, prepared.attempt, seen, NOW))


async def check_clean(database: Database, *subjects: str) -> None:
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    assert [each for each in found if not each.overdue and each.subject in subjects] == []


async def test_a_pending_payment_is_voided_once_and_never_signed(
    database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "VOID")
    await approve(database, payment, "bob")
    first = await void_debt(database, make_void(payment.outage_id), "sandbox")
    again = await void_debt(database, make_void(payment.outage_id), "sandbox")
    assert again.version == first.version
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment.id, EVERYTHING)
        outage = await outages.get(connection, payment.outage_id, EVERYTHING)
        given = await approvals.list_by_payment(connection, [payment.id])
    assert (record.status, outage.status) == (PaymentStatus.VOIDED, OutageStatus.VOIDED)
    assert [each.voided_reason for each in given[payment.id]] == ["the debt is voided"]
    assert await list_owed(database, payment) == 0
    for batches_payments in (False, True):
        activities = PaymentActivitiesImpl(database, rail, batches_payments=batches_payments)
        assert await activities.prepare_payment(payment) == Voided()
    async with database.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None
    await check_clean(database, payment.id, payment.outage_id)


async def test_a_debt_inside_its_window_is_reversed(scratch: Database) -> None:
    outage_id = make_unique_id("VOID-EARLY")
    activities = await judge_outage(scratch, outage_id, 25)
    owing = await make_owe_input(scratch, outage_id)
    await void_debt(scratch, make_void(outage_id), "sandbox")
    assert await list_owed(scratch, owing.payment) == 0
    with pytest.raises(Conflict, match="voided"):
        await activities.owe_payment(owing)
    await check_clean(scratch, owing.payment.id, outage_id)


async def test_a_maker_may_not_void_what_the_verdict_owes(scratch: Database) -> None:
    payment = await owe_payment(scratch, "VOID-MAKER")
    with pytest.raises(Forbidden, match="tester declared, amended or resolved"):
        await void_debt(scratch, make_void(payment.outage_id, ASKER), "sandbox")
    assert await list_owed(scratch, payment) == payment.amount_stroops


async def test_an_undecided_dispute_is_decided_first(scratch: Database) -> None:
    outage_id = make_unique_id("VOID-DISPUTED")
    await judge_outage(scratch, outage_id, 25)
    dispute = Dispute(f"dsp-{outage_id}", outage_id, "not ours", ASKER)
    await DisputeActivitiesImpl(scratch, "sandbox").file_dispute(
        FileDisputeInput(dispute, 1, 3600, NOW)
    )
    with pytest.raises(Conflict, match="is open: decide it first"):
        await void_debt(scratch, make_void(outage_id), "sandbox")


async def test_a_payment_that_a_channel_is_reserved_for_is_not_voided(
    database: Database, rail: Rail
) -> None:
    reserved, signed = [await owe_payment(database, "VOID-LATE") for _ in range(2)]
    reservation = await reserve_channel(database, reserved, rail.channels)
    assert isinstance(reservation, attempts.Reservation)
    with pytest.raises(Conflict, match="a channel is reserved to sign it"):
        await void_debt(database, make_void(reserved.outage_id), "sandbox")
    await release_reservation(database, reservation)
    activities = PaymentActivitiesImpl(database, rail)
    assert isinstance(await activities.prepare_payment(signed), Prepared)
    with pytest.raises(Conflict, match="is signed and may be paid at any moment"):
        await void_debt(database, make_void(signed.outage_id), "sandbox")
    await settle(activities, signed)
    await check_clean(database, reserved.id, signed.id)


async def test_a_member_of_a_batch_is_not_voided(database: Database, rail: Rail) -> None:
    payment = await owe_payment(database, "VOID-MEMBER")
    activities, batch = await form_batch(database, rail, CLASSIC, payment)
    with pytest.raises(Conflict, match="a channel is reserved to sign it"):
        await void_debt(database, make_void(payment.outage_id), "sandbox")
    await activities.confirm_batch(await submit_batch(activities, batch))
    with pytest.raises(Conflict, match="is paid: what was paid cannot be voided"):
        await void_debt(database, make_void(payment.outage_id), "sandbox")


async def test_a_restored_database_is_read_up_before_a_debt_is_voided(scratch: Database) -> None:
    payment = await owe_payment(scratch, "VOID-UNREAD")
    async with scratch.transaction() as connection:
        await installation.require_reading(connection, 10**9)
    try:
        with pytest.raises(Conflict, match="may have been made: the chain is not read past"):
            await void_debt(scratch, make_void(payment.outage_id), "sandbox")
    finally:
        async with scratch.transaction() as connection:
            await connection.exec_driver_sql("UPDATE installation SET read_past_ledger = NULL")


async def test_of_a_void_and_a_signature_at_once_one_wins(database: Database, rail: Rail) -> None:
    """Each of many races ends as one or the other, and never as both."""
    ends = set[str]()
    for turn in range(12):
        payment = await owe_payment(database, "VOID-RACE")
        activities = PaymentActivitiesImpl(database, rail)

        async def sign(
            activities: PaymentActivitiesImpl = activities, payment: Payment = payment
        ) -> bool:
            try:
                return isinstance(await activities.prepare_payment(payment), Prepared)
            except TryAgain:
                return isinstance(await activities.prepare_payment(payment), Prepared)

        async def take_back(payment: Payment = payment, turn: int = turn) -> bool:
            await asyncio.sleep(turn * 0.002)
            try:
                await void_debt(database, make_void(payment.outage_id), "sandbox")
            except Conflict:
                return False
            return True

        if turn == 0:  # one after the other first, so that each has won once
            signed, voided = await sign(), await take_back()
        elif turn == 1:
            voided, signed = await take_back(), await sign()
        else:
            signed, voided = await asyncio.gather(sign(), take_back())
        assert signed != voided
        async with database.autocommit() as connection:
            record = await payments.get(connection, payment.id, EVERYTHING)
            stored = await attempts.get_reservation(connection, payment.id)
        assert (stored is not None) == signed
        expected = PaymentStatus.PREPARED if signed else PaymentStatus.VOIDED
        assert record.status is expected
        ends.add(expected)
        if signed:
            await settle(activities, payment)
    assert ends == {PaymentStatus.PREPARED, PaymentStatus.VOIDED}


async def test_bytes_are_not_stored_for_a_payment_voided_after_all(
    database: Database, rail: Rail
) -> None:
    """The last line of defence: what was voided while a run held its reservation stays unsigned."""
    payment = await owe_payment(database, "VOID-STORE")
    reservation = await reserve_channel(database, payment, rail.channels)
    assert isinstance(reservation, attempts.Reservation)
    async with database.transaction() as connection:  # as nobody may: around the check
        await payments.move(connection, payment.id, PaymentStatus.VOIDED)
    activities = PaymentActivitiesImpl(database, rail)
    with pytest.raises(TryAgain):
        await store_by_force(activities, payment, reservation)
    assert await activities.prepare_payment(payment) == Voided()
    await release_reservation(database, reservation)
    async with database.transaction() as connection:  # others look at the whole journal
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql(
            f"UPDATE payments SET status = 'pending' WHERE id = '{payment.id}'"
        )


async def store_by_force(
    activities: PaymentActivitiesImpl, payment: Payment, reservation: attempts.Reservation
) -> None:
    transfers = [make_single_transfer(payment)]
    envelope = await activities.sign(reservation, transfers, SettlementRail.SOROBAN, 0)
    await store_envelope(activities.database, payment, reservation, envelope)
