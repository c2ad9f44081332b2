"""A manual match confirms a payment by an out-of-band transfer: all of it is written once, or nothing."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, channels, manual_matches, payments
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING, Scope
from domain.accounting.reconciliation import Extent
from domain.errors import ApexError, Conflict, Invalid
from domain.requests import Request
from domain.settlement.manual_matches import MatchTransferInput, MatchTransferRequest
from domain.settlement.payments import Payment, PaymentStatus
from domain.sla.agreements.parties import DEFAULT_BENEFICIARY, DEFAULT_PROVIDER
from services.settlement.payments.read_manual_match import read_manual_match
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import ReconciliationDriver, make_transfer
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_receipt

HASH, OTHER = "bb" * 32, "cc" * 32
ASKER = Request("ada", "corr-manual_match")
# The chain goes on between two reads of it.
PLACES = itertools.count(1000, 1000)


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def send_out_of_band(scratch: Database, payment: Payment, hash_: str, less: int = 0) -> None:
    """Somebody sends what a payment owes, or less than that, and reconciliation reads it."""
    driver = ReconciliationDriver(scratch)
    place = next(PLACES)
    driver.fake_history.transfers = [
        make_transfer(
            hash_, place, payment.number, payment.amount_stroops - less, payment.to_address
        )
    ]
    driver.fake_history.known_extent = Extent(1, place + 500)
    await driver.read_chain()


def make_match_input(payment: Payment, hash_: str = HASH) -> MatchTransferInput:
    return MatchTransferInput(payment, MatchTransferRequest(hash_, "ticket 7", ASKER), NOW)


async def read_written(scratch: Database, payment: Payment) -> dict[str, Any]:
    async with scratch.autocommit() as connection:
        row = await payments.get(connection, payment.id, EVERYTHING)
        known = await manual_matches.get(connection, payment.id, EVERYTHING)
        entries = await read_trail(connection, f"outage/{payment.outage_id}")
        posted = await connection.scalar(
            text("SELECT count(*) FROM entries WHERE payment_id = :id AND kind = 'settlement'"),
            {"id": payment.id},
        )
    return {
        "status": row.status,
        "transaction_hash": row.transaction_hash,
        "reason_code": row.reason_code,
        "matched_by": known and known.matched_by,
        "audited": [
            entry["actor"] for entry in entries if entry["action"] == "payment.matched_manually"
        ],
        "posted": posted,
    }


NOTHING = {"transaction_hash": None, "matched_by": None, "audited": [], "posted": 0}


@pytest.mark.parametrize(
    "status", [PaymentStatus.PENDING, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED]
)
async def test_a_repeated_manual_match_confirms_and_posts_once(
    scratch: Database, rail: Rail, status: PaymentStatus
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    hash_ = f"{payment.number:064x}"
    await send_out_of_band(scratch, payment, hash_)
    if status is not PaymentStatus.PENDING:
        async with scratch.transaction() as connection:
            assert await payments.stop(connection, payment.id, status, make_reason("it waits"))
    for _ in range(2):
        await activities.match_transfer(make_match_input(payment, hash_))
        assert await read_written(scratch, payment) == {
            "status": "confirmed",
            "transaction_hash": hash_,
            "reason_code": None,
            "matched_by": "ada",
            "audited": ["ada"],
            "posted": 1,
        }
    # Its own workflow finds the receipt.
    receipt = get_receipt(await activities.prepare_payment(payment))
    assert (receipt.transaction_hash, receipt.amount_stroops) == (hash_, payment.amount_stroops)


async def assert_refused(scratch: Database, rail: Rail, wanted: MatchTransferInput) -> ApexError:
    before = await read_written(scratch, wanted.payment)
    with pytest.raises(ApexError) as error:
        await PaymentActivitiesImpl(scratch, rail).match_transfer(wanted)
    assert await read_written(scratch, wanted.payment) == before
    return error.value


async def test_a_missing_or_differing_transfer_is_refused(scratch: Database, rail: Rail) -> None:
    payment = await owe_payment(scratch)
    error = await assert_refused(scratch, rail, make_match_input(payment))
    assert "reconciliation has not read a transfer" in str(error)
    await send_out_of_band(scratch, payment, OTHER, less=1)
    error = await assert_refused(scratch, rail, make_match_input(payment, OTHER))
    assert (isinstance(error, Invalid), "its amount is" in str(error)) == (True, True)
    assert (await read_written(scratch, payment)).items() >= NOTHING.items()


async def test_a_payment_the_engine_may_pay_itself_is_refused(
    scratch: Database, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        await channels.save(connection, dict.fromkeys(rail.channels, 7))
        assert await attempts.reserve(connection, payment.id, rail.channels) is not None
    await send_out_of_band(scratch, payment, HASH)
    error = await assert_refused(scratch, rail, make_match_input(payment))
    assert (isinstance(error, Conflict), "bytes of its own" in str(error)) == (True, True)


async def test_a_confirmed_payment_is_not_matched_again(scratch: Database, rail: Rail) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    first, second = f"{payment.number:064x}", f"{payment.number:063x}f"
    for hash_ in (first, second):
        await send_out_of_band(scratch, payment, hash_)
    await activities.match_transfer(make_match_input(payment, first))
    error = await assert_refused(scratch, rail, make_match_input(payment, second))
    assert str(error) == f"payment {payment.id} is confirmed by {first}"


async def test_a_party_is_shown_the_matches_of_its_own_payments(
    scratch: Database, rail: Rail
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    hash_ = f"{payment.number:064x}"
    await send_out_of_band(scratch, payment, hash_)
    await activities.match_transfer(make_match_input(payment, hash_))
    for scope in (EVERYTHING, Scope(DEFAULT_PROVIDER), Scope(DEFAULT_BENEFICIARY)):
        shown = await read_manual_match(scratch, payment.id, scope)
        assert shown is not None
        assert shown.transaction_hash == hash_
    assert await read_manual_match(scratch, payment.id, Scope("another")) is None
