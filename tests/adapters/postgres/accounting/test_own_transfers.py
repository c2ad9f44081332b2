"""What our own bytes have paid is confirmed, though the workflow that sent them is over."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.accounting.breaks import BreakKind
from domain.accounting.invariants import Invariant
from domain.accounting.reconciliation import CONFIRM_AFTER_LEDGERS, Extent
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Payment
from services.settlement.channels.reserve_channel import reserve_channel
from services.settlement.payments.store_envelope import store_envelope
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import ReconciliationDriver, make_transfer
from tests.testkit.settlement.payment_factory import owe_payment

HASH, PAYEE, SEEN_IN = "ab" * 32, "GBENEFICIARY", 50


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(
                text("INSERT INTO channels (address, sequence) VALUES ('GCHANNEL', 7)")
            )
        yield database


async def _pay_and_forget(scratch: Database) -> tuple[Payment, ReconciliationDriver]:
    """Sign a payment and let the chain show its transfer; whoever would book it is gone."""
    payment = await owe_payment(scratch)
    reservation = await reserve_channel(scratch, payment, ["GCHANNEL"])
    envelope = Envelope(HASH, "AAAA", 100, 60, "cd" * 32)
    await store_envelope(scratch, payment, reservation, envelope)  # type: ignore[arg-type]
    driver = ReconciliationDriver(scratch)
    driver.fake_history.transfers.append(
        make_transfer(HASH, SEEN_IN, payment.number, payment.amount_stroops, PAYEE)
    )
    return payment, driver


async def _read(scratch: Database, statement: str) -> list[tuple[object, ...]]:
    async with scratch.autocommit() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def _compare_at(driver: ReconciliationDriver, ledger: int) -> int:
    driver.fake_history.known_extent = Extent(1, ledger)
    await driver.read_chain()
    return (await driver.compare_journal()).open_breaks


async def test_our_own_bytes_are_confirmed_after_a_while_and_on_record_says_who(
    scratch: Database,
) -> None:
    _, driver = await _pay_and_forget(scratch)
    bound = SEEN_IN + CONFIRM_AFTER_LEDGERS
    assert await _compare_at(driver, bound - 1) == 0
    assert await _read(scratch, "SELECT status FROM payments") == [("prepared",)]
    assert await _compare_at(driver, bound) == 0
    paid = await _read(scratch, "SELECT status, transaction_hash, ledger FROM payments")
    assert paid == [("confirmed", HASH, SEEN_IN)]
    (entry,) = await _read(
        scratch,
        "SELECT convert_from(content, 'UTF8')::json ->> 'actor' FROM audit_entries"
        " WHERE action = 'payment.confirmed'",
    )
    assert entry == ("reconciliation",)
    assert await _read(scratch, "SELECT payment_id, sequence FROM channels") == [(None, 8)]
    async with scratch.transaction() as connection:
        assert await invariants.check(connection) == []
    # Once more, and by the workflow that comes back after all: nothing is booked twice.
    assert await _compare_at(driver, bound + 1) == 0
    settled = "SELECT count(*) FROM entries WHERE kind = 'settlement'"
    assert await _read(scratch, settled) == [(1,)]


async def test_a_closed_outage_whose_confirmation_was_lost_is_reported_until_it_is_confirmed(
    scratch: Database,
) -> None:
    """The workflow server remembers what the database has lost: the outage is closed, unpaid on record."""
    payment, driver = await _pay_and_forget(scratch)
    async with scratch.transaction() as connection:
        await connection.execute(text("UPDATE outages SET status = 'closed', closed_at = now()"))
    async with scratch.transaction() as connection:
        (violation,) = await invariants.check(connection)
    assert (violation.invariant, violation.subject) == (
        Invariant.CLOSED_OUTAGES_PAID,
        payment.outage_id,
    )
    assert f"its payment {payment.id} is prepared" in violation.detail
    await _compare_at(driver, SEEN_IN + CONFIRM_AFTER_LEDGERS)
    async with scratch.transaction() as connection:
        assert await invariants.check(connection) == []


async def test_what_somebody_else_paid_is_confirmed_by_nobody(scratch: Database) -> None:
    payment, driver = await _pay_and_forget(scratch)
    driver.fake_history.transfers.clear()
    driver.fake_history.transfers.append(
        make_transfer("ef" * 32, SEEN_IN, payment.number, payment.amount_stroops, PAYEE)
    )
    assert await _compare_at(driver, SEEN_IN + CONFIRM_AFTER_LEDGERS) == 1
    kinds = await _read(scratch, "SELECT kind FROM breaks")
    assert kinds == [(BreakKind.MISSING_IN_JOURNAL.value,)]
    assert await _read(scratch, "SELECT status FROM payments") == [("prepared",)]
