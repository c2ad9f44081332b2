"""Lists are read by cursor and by number, each row once, and counted no further than a bound."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.reading import counts, keysets
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment
from devstack.environment.stack import Stack
from domain.errors import Invalid
from tests.testkit import stacks

THINGS = Table(
    "things",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("rank", Integer, nullable=False),
)
MANY, BOUND = 1_000, 100
KEY = Keyset((THINGS.c.rank, THINGS.c.id))


@pytest.fixture(scope="module")
async def things(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(
                text("CREATE TABLE things (id varchar PRIMARY KEY, rank integer NOT NULL)")
            )
            rows = [{"id": f"thing-{n:04}", "rank": n % 7} for n in range(MANY)]
            await connection.execute(insert(THINGS), rows)
        async with database.autocommit() as connection:
            await connection.execute(text("VACUUM ANALYZE things"))
        yield database


@pytest.fixture(autouse=True)
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "COUNTED_MAX", BOUND)
    monkeypatch.setattr(keysets, "DEPTH_MAX", BOUND)


def make_listing(*conditions: Any, descending: bool = True) -> Listing:
    return Listing(THINGS, Keyset(KEY.columns, descending), conditions, select(THINGS))


async def read_ids(connection: AsyncConnection, listing: Listing) -> list[str]:
    """Return every id of a list, as one statement sorts them."""
    ordered = select(THINGS.c.id).where(*listing.conditions).order_by(*listing.key.list_order())
    return list((await connection.scalars(ordered)).all())


def get_ids(rows: Sequence[Any]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("descending", [False, True])
async def test_cursors_show_each_row_once_to_the_end(things: Database, descending: bool) -> None:
    listing, found = make_listing(descending=descending), list[str]()
    async with things.autocommit() as connection:
        wanted = ListSegment(37)
        while rows := (await keysets.read_page(connection, listing, wanted))[0]:
            found += get_ids(rows)
            wanted = ListSegment(37, after=[rows[-1]["rank"], rows[-1]["id"]])
        assert found == await read_ids(connection, listing)


@pytest.mark.parametrize("offset", [0, 20, BOUND, MANY - BOUND, MANY - 40, MANY - 20, MANY - 7])
async def test_a_number_is_read_from_the_nearer_end(things: Database, offset: int) -> None:
    async with things.autocommit() as connection:
        rows, total = await keysets.read_page(connection, make_listing(), ListSegment(20, offset))
        every = await read_ids(connection, make_listing())
    assert get_ids(rows) == every[offset : offset + 20]
    assert total == Total(MANY, is_estimated=True)


async def test_a_number_beyond_the_end_shows_nothing(things: Database) -> None:
    async with things.autocommit() as connection:
        for listing in (make_listing(), make_listing(THINGS.c.rank == 99)):
            rows, _ = await keysets.read_page(connection, listing, ListSegment(20, MANY + 20))
            assert rows == []


async def test_a_number_far_from_both_ends_is_refused(things: Database) -> None:
    async with things.autocommit() as connection:
        with pytest.raises(Invalid, match=r"page.*go on by cursor"):
            await keysets.read_page(connection, make_listing(), ListSegment(20, MANY // 2))
        with pytest.raises(Invalid, match=r"page.*go on by cursor"):
            await keysets.read_part(connection, make_listing(), ListSegment(20, MANY // 2))


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, BOUND])
async def test_what_is_within_the_bound_is_counted(things: Database, count: int) -> None:
    few = make_listing(THINGS.c.id < f"thing-{count:04}")
    async with things.autocommit() as connection:
        rows, total = await keysets.read_page(connection, few, ListSegment(20))
    assert (len(rows), total) == (min(count, 20), Total(count))


async def test_an_estimate_is_never_below_the_bound(things: Database) -> None:
    # Nobody estimates what a remainder is.
    odd = [THINGS.c.rank + 0 != 77]
    async with things.autocommit() as connection:
        total = await counts.count_rows(connection, THINGS, odd)
    assert total.is_estimated
    assert total.count > BOUND
