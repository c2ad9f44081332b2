"""Gaps of the chain's history, transfers and cursors, as the database stores them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from stellar_sdk import StrKey

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import Extent, Gap
from domain.errors import ChainMismatch, ChainUnavailable
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    PAYER,
    FakeChainHistory,
    ReconciliationDriver,
    make_transfer,
)
from tests.testkit.accounting.recorded_transfers import list_transfers


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A scratch database, whose chain begins with it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def list_gaps(scratch: Database) -> list[Gap]:
    async with scratch.autocommit() as connection:
        return await reconciliation.list_gaps(connection)


async def test_a_gap_that_grew_is_reported_in_full(
    scratch: Database,
) -> None:
    """Otherwise the ledgers between would count as read and empty."""
    driver = ReconciliationDriver(scratch)
    fake_history = driver.fake_history
    fake_history.known_extent = Extent(1, 100)
    assert await driver.read_chain() == 100
    fake_history.known_extent, fake_history.unavailable = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(520, 620), False
    assert await driver.read_chain() == 620
    assert await list_gaps(scratch) == [Gap(101, 519)]


async def test_ledgers_another_node_remembers_are_no_gap(scratch: Database) -> None:
    driver = ReconciliationDriver(scratch)
    fake_history = driver.fake_history
    fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(1, 610), False
    assert await driver.read_chain() == 610
    assert await list_gaps(scratch) == []


async def test_transfers_between_every_kind_of_address_are_read(scratch: Database) -> None:
    """What a claimable balance held comes from an address longer than an account's."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    claimable = StrKey.encode_claimable_balance(bytes(33))
    driver.fake_history.transfers.append(
        replace(make_transfer("aa" * 32, 50, None, 7, PAYER), from_address=claimable)
    )
    assert await driver.read_chain() == 100
    async with scratch.autocommit() as connection:
        (kept,) = await list_transfers(connection)
    assert kept["from_address"] == claimable


async def test_the_cursor_of_one_network_is_not_used_on_another(scratch: Database) -> None:
    """The database is used on another network, whose ledgers have the same numbers and other transfers."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    stranger = ReconciliationDriver(scratch, FakeChainHistory("another network"))
    stranger.fake_history.known_extent = Extent(1, 900)
    with pytest.raises(
        ChainMismatch, match="the transfers read are of network 'a network of this test'"
    ):
        await stranger.read_chain()
    async with scratch.autocommit() as connection:
        reading = await reconciliation.get_cursor(connection)
    assert reading is not None
    assert reading.ledger == 100
