"""Among many outages a search finds what the text is a part of, and reads an index, not all of them."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.sla import listings
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.sla.listings import OutageFilter, parse_ordering
from tests.testkit import stacks

MANY = 20_000
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
        records, total = await listings.list_page(
            connection,
            EVERYTHING,
            OutageFilter(search=search),
            parse_ordering(None, None, "sort"),
            limit=50,
        )
        assert ({record.outage.id for record in records}, total) == (found, len(found))
        # One for the page, one for the total.
        assert await count_index_scans(connection) >= before + 2


async def test_two_letters_are_searched_for_without_the_index(many: Database) -> None:
    async with many.autocommit() as connection:
        ordering = parse_ordering(None, None, "sort")
        _, total = await listings.list_page(
            connection, EVERYTHING, OutageFilter(search="ÄR"), ordering
        )
        assert total == 1
