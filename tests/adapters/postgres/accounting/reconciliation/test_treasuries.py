"""Treasuries that are named later: read up to where the others are, joined, and answered for from then on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from activities.accounting.reconciliation import read_transfers
from adapters.postgres.accounting import breaks, reconciliation
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.sla.agreements.versions import add_version
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import ChainPage, ChainTransfer, Extent, Start
from domain.sla.agreements.versions import AgreementVersion
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    PAYER,
    ReconciliationDriver,
    make_transfer,
)
from tests.testkit.settlement.payment_factory import owe_payment

LATER = "GLATER"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
async def driver(scratch: Database) -> ReconciliationDriver:
    """A history of 100 ledgers that is read."""
    made = ReconciliationDriver(scratch)
    made.fake_history.known_extent = Extent(1, 100)
    await made.read_chain()
    return made


async def name(scratch: Database, address: str = LATER) -> None:
    """Have the next version of the agreement pay penalties from another account."""
    version = AgreementVersion("default", 2, datetime(2026, 1, 1, tzinfo=UTC), bond=address)
    async with scratch.transaction() as connection:
        await add_version(connection, version, "a test")


def send_from(payer: str, hash_: str, ledger: int, number: int | None = None) -> ChainTransfer:
    return replace(make_transfer(hash_ * 64, ledger, number, 5, "GPAYEE"), from_address=payer)


async def list_waiting(scratch: Database) -> dict[str, int]:
    async with scratch.autocommit() as connection:
        return await treasuries.list_waiting(connection)


async def list_breaks(scratch: Database) -> dict[str, int]:
    async with scratch.autocommit() as connection:
        found = await breaks.count_open_by_kind(connection)
    return {kind: count for kind, count in found.items() if count}


async def test_it_joins_the_others_with_all_that_the_nodes_remember_of_it(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    driver.fake_history.transfers = [send_from(LATER, "a", 50), send_from(PAYER, "b", 60)]
    await name(scratch)
    assert await list_waiting(scratch) == {LATER: 0}
    reading = await read_transfers(scratch, driver.activities.history)
    assert LATER in reading.treasuries
    assert await list_waiting(scratch) == {}
    async with scratch.autocommit() as connection:
        # What the others sent is read once, and what it sent before is there as well.
        assert await reconciliation.find_transfer(connection, ["b" * 64]) is None
        assert await reconciliation.find_transfer(connection, ["a" * 64]) is not None


async def test_a_failure_lets_it_wait_and_none_of_the_others(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    await name(scratch)
    driver.fake_history.ledgers_a_page = 30
    driver.fake_history.unavailable_after = 2
    driver.fake_history.known_extent = Extent(1, 110)
    reading = await read_transfers(scratch, driver.activities.history)
    assert (reading.ledger, LATER in reading.treasuries) == (110, False)
    assert await list_waiting(scratch) == {LATER: 30}
    # It goes on where it was.
    driver.fake_history.unavailable_after = None
    assert LATER in (await read_transfers(scratch, driver.activities.history)).treasuries


async def test_the_position_stays_where_somebody_joined_whom_the_reader_does_not_know(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    """Another process would move it past transfers that nobody has read."""
    await name(scratch)
    await driver.read_chain()
    page = ChainPage((send_from(PAYER, "c", 105),), 110, None)
    async with scratch.transaction() as connection:
        args = (driver.fake_history.identity.passphrase, Start(101, None), page)
        assert not await reconciliation.save_page(connection, *args, [PAYER, "GPOOL"])
    async with scratch.transaction() as connection:
        cursor = await reconciliation.get_cursor(connection)
        assert cursor is not None
        assert cursor.ledger == 100
        assert await reconciliation.save_page(connection, *args, [PAYER, "GPOOL", LATER])


async def test_what_it_sent_before_it_was_named_is_not_ours_to_explain(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment = await owe_payment(scratch)
    shown = driver.fake_history.transfers
    shown += [send_from(LATER, "a", 50), send_from(LATER, "b", 60, 2**60)]
    await name(scratch)
    await driver.read_chain()
    await driver.compare_journal()
    assert await list_breaks(scratch) == {}
    # What bears the number of a payment is, whenever it was sent; and so is all that leaves from now on.
    await driver.read_chain()
    driver.fake_history.known_extent = Extent(1, 110)
    shown += [send_from(LATER, "d", 105)]
    await driver.read_chain()
    await driver.compare_journal()
    assert await list_breaks(scratch) == {"unexpected_outflow": 1}
    async with scratch.transaction() as connection:
        numbered = ChainPage((send_from(LATER, "e", 70, payment.number),), 110, None)
        await reconciliation.save_transfers(connection, numbered)
    await driver.compare_journal()
    assert await list_breaks(scratch) == {"unexpected_outflow": 1, "missing_in_journal": 1}
