"""Transfers read from the chain, gaps and breaks, as the database stores them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.environment.stack import Stack
from domain.accounting.breaks import BreakKind
from domain.accounting.reconciliation import Extent
from domain.sla.agreements.agreements import Agreement
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import (
    ReconciliationDriver,
    make_transfer,
    store_confirmation,
)
from tests.testkit.settlement.payment_factory import owe_payment

HASH, PAYEE = "dd" * 32, "GBENEFICIARY"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A scratch database, whose chain begins with it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def list_kinds(scratch: Database) -> list[str]:
    async with scratch.autocommit() as connection:
        return list(await connection.scalars(text("SELECT kind FROM breaks ORDER BY kind")))


async def is_circuit_breaker_open(scratch: Database) -> bool:
    async with scratch.autocommit() as connection:
        return bool(await connection.scalar(text("SELECT is_open FROM circuit_breakers")))


async def test_a_transfer_of_nothing_stops_no_payment(scratch: Database) -> None:
    """
    The asset's contract asks no leave to spend nothing: `transfer_from` of 0 is anybody's to call, and
    emits a transfer out of the treasury.
    """
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    nothing = make_transfer("aa" * 32, 50, None, 0, "GSTRANGER")
    driver.fake_history.transfers += [nothing, replace(nothing, position="burn", kind="burn")]
    await driver.read_chain()
    compared = await driver.compare_journal()
    assert (compared.new_breaks, compared.matched) == (0, 0)
    assert not await is_circuit_breaker_open(scratch)
    driver.fake_history.transfers.append(make_transfer("bb" * 32, 101, None, 1, "GSTRANGER"))
    driver.fake_history.known_extent = Extent(1, 101)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1
    assert await is_circuit_breaker_open(scratch)


async def test_payments_of_an_earlier_agreement_are_compared_with_its_treasuries(
    scratch: Database,
) -> None:
    """Other treasuries are another agreement: what the old ones paid is still in the journal."""
    async with scratch.transaction() as connection:
        older = Agreement("older", "GOLDBOND", "GOLDPOOL", "GPROVIDER", PAYEE)
        await add_agreement(connection, older)
    payment = await owe_payment(scratch, from_address="GOLDBOND")
    await store_confirmation(scratch, payment, HASH, 50)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    sent = make_transfer(HASH, 50, payment.number, payment.amount_stroops, PAYEE)
    driver.fake_history.transfers.append(replace(sent, from_address="GOLDBOND"))
    await driver.read_chain()
    compared = await driver.compare_journal()
    assert (compared.new_breaks, compared.matched) == (0, 1)


async def test_a_payment_of_a_ledger_that_does_not_exist_is_missing_on_chain(
    scratch: Database,
) -> None:
    """Its row names a ledger that does not exist yet, long before the newest that was read."""
    payment = await owe_payment(scratch)
    await store_confirmation(scratch, payment, HASH, 10**9)
    ahead = await owe_payment(scratch)
    await store_confirmation(scratch, ahead, "cc" * 32, 101)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    # The journal is ahead of the reading by a ledger, as it often is.
    assert (await driver.compare_journal()).new_breaks == 0
    driver.fake_history.known_extent = Extent(1, 102)
    driver.fake_history.closed_at = datetime.now(UTC) + timedelta(hours=1)
    sent = make_transfer("cc" * 32, 101, ahead.number, ahead.amount_stroops, PAYEE)
    driver.fake_history.transfers.append(sent)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1


async def test_each_member_of_a_netted_transfer_is_compared(scratch: Database) -> None:
    """One transfer pays two; one of the two rows says that somebody else was paid."""
    first, second = await owe_payment(scratch), await owe_payment(scratch)
    for payment in (first, second):
        allocation = (
            "INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops)"
            " VALUES (:lead_payment_id, 1, :id, :number, :amount)"
        )
        values = {
            "lead_payment_id": first.id,
            "number": first.number,
            "amount": payment.amount_stroops,
        }
        await tamper(scratch, allocation, id=payment.id, **values)
        await store_confirmation(scratch, payment, HASH, 50)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    total = first.amount_stroops + second.amount_stroops
    driver.fake_history.transfers.append(make_transfer(HASH, 50, first.number, total, PAYEE))
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 0
    # The second is paid once more, alone, by an envelope of the engine's own: a break at once.
    again = make_transfer("ee" * 32, 101, second.number, second.amount_stroops, PAYEE)
    signed = (
        "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
        " VALUES (:hash, :hash, :id, 2, 'A', 100, 1)"
    )
    await tamper(scratch, signed, hash=again.transaction_hash, id=second.id)
    driver.fake_history.transfers.append(again)
    driver.fake_history.known_extent = Extent(1, 101)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1
    assert await list_kinds(scratch) == [BreakKind.DUPLICATE]
    later = "UPDATE payments SET to_address = 'GZOE' WHERE id = :id"
    await tamper(scratch, later, id=second.id)
    assert (await driver.compare_journal()).new_breaks == 1
