"""What was read of the chain, and what was lost, as the book remembers it."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres import reconciliation
from adapters.postgres.database import Database
from benchmarks import books
from domain.errors import ChainUnavailable
from domain.reconciliation import Extent, Gap
from sandbox.stack import Stack
from tests.telling import Listener


@pytest.fixture
async def book(stack: Stack) -> AsyncIterator[Database]:
    """A book of a test's own, whose chain begins with it."""
    async with books.scratch(stack.environment["DATABASE_URL"]) as database:
        yield database


async def gaps(book: Database) -> list[Gap]:
    async with book.autocommit() as connection:
        return await reconciliation.gaps(connection)


async def test_a_gap_that_grew_before_reading_went_on_is_told_as_long_as_it_is(
    book: Database,
) -> None:
    """What lies between is neither read nor lost otherwise, and would count as seen to be empty."""
    listener = Listener(book)
    teller = listener.teller
    teller.extent_told = Extent(1, 100)
    assert await listener.reads() == 100
    teller.extent_told, teller.silent = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await listener.reads()
    teller.extent_told, teller.silent = Extent(520, 620), False
    assert await listener.reads() == 620
    assert await gaps(book) == [Gap(101, 519)]


async def test_what_another_node_still_had_when_reading_went_on_is_no_gap(book: Database) -> None:
    listener = Listener(book)
    teller = listener.teller
    teller.extent_told = Extent(1, 100)
    await listener.reads()
    teller.extent_told, teller.silent = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await listener.reads()
    teller.extent_told, teller.silent = Extent(1, 610), False
    assert await listener.reads() == 610
    assert await gaps(book) == []
