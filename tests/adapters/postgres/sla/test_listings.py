"""Among many outages a search finds what the text is a part of, and reads an index, not all of them."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.reading import searches
from adapters.postgres.reading.counts import Total
from adapters.postgres.sla import listings
from adapters.postgres.sla.listings import OutagePage
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.sla.listings import Ordering, OutageFilter, Place, SortField
from tests.testkit import stacks

MANY = 20_000
ORDERING = Ordering()
SEED = text(
    "INSERT INTO outages (id, status, severity, site_name, description, affected_services, detected_at,"
    " declared_at, fingerprint, correlation_id, agreement,"
    " agreement_version, policy, policy_version)"
    " SELECT 'OUT-' || n, 'declared', 'low', 'Mast ' || md5(n::text),"
    "  CASE n WHEN 77 THEN 'Kabel|Schaden in ÄRZTEHAUS 100%' ELSE 'power' END, '[]',"
    "  now(), now(), md5(n::text), 'seed', (SELECT min(name) FROM agreements), 1, 'standard', 1"
    " FROM generate_series(1, :many) n"
)


@pytest.fixture(scope="module")
async def many(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(SEED, {"many": MANY})
        async with database.autocommit() as connection:
            await connection.execute(text("VACUUM ANALYZE outages"))
        yield database


async def count_index_scans(connection: AsyncConnection) -> int:
    await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    named = "indexrelname = 'ix_outages_search'"
    statement = text(f"SELECT idx_scan FROM pg_stat_user_indexes WHERE {named}")
    return int(await connection.scalar(statement) or 0)


async def find(
    connection: AsyncConnection, search: str, *, after: Place | None = None, limit: int = 50
) -> OutagePage:
    wanted = OutageFilter(search=search)
    return await listings.list_page(
        connection, EVERYTHING, wanted, ORDERING, after=after, limit=limit
    )


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("OUT-19999", {"OUT-19999"}),
        ("out-1777", {"OUT-1777", *(f"OUT-1777{n}" for n in range(10))}),
        ("schaden in ÄRZTE", {"OUT-77"}),  # whatever its letters are like
        ("bel|sch", {"OUT-77"}),
        ("100%", {"OUT-77"}),
        ("cfcd208495", set()),
    ],
)
async def test_a_search_among_many_reads_the_index(
    many: Database, search: str, found: set[str]
) -> None:
    async with many.autocommit() as connection:
        before = await count_index_scans(connection)
        page = await find(connection, search)
        assert {record.outage.id for record in page.records} == found
        assert page.total == Total(len(found))
        assert page.next is None
        # One, for the page and the total.
        assert await count_index_scans(connection) == before + 1


async def test_a_common_text_is_found_without_the_index(many: Database) -> None:
    """It stands in every outage, and those are neither sorted nor counted."""
    async with many.autocommit() as connection:
        before = await count_index_scans(connection)
        page = await find(connection, "mast")
        assert len(page.records) == 50
        assert page.total == Total(MANY, is_estimated=True)
        assert await count_index_scans(connection) == before


@pytest.mark.parametrize("search", ["ÄR", "mast 1", "zz", "er"])
async def test_a_search_goes_on_to_the_end_whatever_the_text(
    many: Database, search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may hold fewer outages than asked for, or none, and say from where to go on."""
    monkeypatch.setattr(searches, "FAR", 3_000)
    async with many.autocommit() as connection:
        statement = text(
            "SELECT id FROM outages WHERE lower(id) LIKE lower(:mast) OR lower(site_name) LIKE lower(:mast)"
            " OR description ILIKE :mast"
        )
        expected = set(await connection.scalars(statement, {"mast": f"%{search}%"}))
        found, after, pages = list[str](), None, 0
        while pages == 0 or after is not None:
            page = await find(connection, search, after=after, limit=200)
            found += [record.outage.id for record in page.records]
            after, pages = page.next, pages + 1
            assert pages < 200
    assert len(found) == len(set(found))
    assert set(found) == expected


async def test_two_letters_are_searched_for_without_the_index(many: Database) -> None:
    async with many.autocommit() as connection:
        before = await count_index_scans(connection)
        await find(connection, "ÄR")
        assert await count_index_scans(connection) == before


@pytest.mark.parametrize("field", SortField)
async def test_the_last_page_is_read_from_the_end(many: Database, field: SortField) -> None:
    async with many.autocommit() as connection:
        ordering, turned = Ordering(field, descending=True), Ordering(field, descending=False)
        last = await listings.list_page(
            connection, EVERYTHING, OutageFilter(), ordering, offset=MANY - 20
        )
        first = await listings.list_page(connection, EVERYTHING, OutageFilter(), turned)
    assert [each.outage.id for each in last.records] == [
        each.outage.id for each in reversed(first.records)
    ]


async def test_the_newest_verdict_says_whether_an_outage_is_a_violation(many: Database) -> None:
    """And nothing does once it is declared again."""
    violated = OutageFilter(violated=True)
    async with many.transaction() as connection:
        for status, expected in (("closed", ["OUT-5"]), ("declared", [])):
            changed = text(
                "UPDATE outages SET verdict_status = 'violated', status = :status WHERE id = 'OUT-5'"
            )
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(changed, {"status": status})
            page = await listings.list_page(connection, EVERYTHING, violated, ORDERING)
            assert [each.outage.id for each in page.records] == expected
        await connection.rollback()
