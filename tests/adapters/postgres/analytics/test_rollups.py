"""
What the sums say is what all rows say, counted slowly by other code: folded, half folded or not folded at all,
in four zones over both changes of their clocks. tests/system/analytics has ten thousand outages of the same.
"""

import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from adapters.postgres.analytics import rollups, snapshots, trends
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.analytics.trends import AnalyticsFilter
from services.analytics.rollups.fold_changes import fold_changes
from tests.testkit import stacks
from tests.testkit.analytics.comparisons import check_span, check_trend, check_uptime
from tests.testkit.analytics.outage_writer import OutageWriter, write_agreements
from tests.testkit.analytics.slow_recomputation import count, read_slowly

MANY, SEED = 300, 20261130


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await write_agreements(connection)
        yield database


async def test_the_sums_are_what_a_slow_recount_says_after_every_step(scratch: Database) -> None:
    luck = random.Random(SEED)
    writer, step = OutageWriter(luck, MANY), 0
    async with scratch.transaction() as connection:
        await writer.declare(connection)
    going = True
    while going:
        # Some of what has changed is folded, and some is not.
        await fold_changes(scratch, luck.randrange(MANY))
        async with scratch.autocommit() as connection:
            slow = await read_slowly(connection)
            for _ in range(3):
                await check_trend(connection, slow, luck)
                await check_span(connection, slow, luck)
            await check_uptime(connection, slow, luck)
        async with scratch.transaction() as connection:
            going = await writer.take_steps(connection, step)
        step += 1
    assert step > 5


async def test_whatever_is_folded_no_figure_changes_and_nothing_is_folded_twice(
    scratch: Database,
) -> None:
    writer = OutageWriter(random.Random(SEED + 1), 100)
    async with scratch.transaction() as connection:
        await writer.declare(connection)
        for step in range(9):
            await writer.take_steps(connection, step)
    shown = []
    folded = 0
    while True:
        async with scratch.autocommit() as connection:
            slow = await read_slowly(connection)
            shown.append(await trends.get_totals(connection, EVERYTHING, AnalyticsFilter()))
            seen = await snapshots.read_totals(connection)
            left = await rollups.count_changes(connection)
        assert sum(each.detected for each in seen.agreements.values()) == 100
        changes = (await fold_changes(scratch, 50)).changes
        assert changes == min(left, 50)
        folded += changes
        if not changes:
            break
    assert set(shown) == {count(slow)}
    assert folded > 300


async def test_what_is_not_committed_is_not_there_and_waits_for_nobody(scratch: Database) -> None:
    """A change that is open neither shows, nor is lost when others are folded meanwhile."""
    writer = OutageWriter(random.Random(SEED + 2), 20)
    async with scratch.transaction() as writing:
        await writer.declare(writing)
        assert (await fold_changes(scratch)).changes == 0
        async with scratch.autocommit() as connection:
            assert (
                await trends.get_totals(connection, EVERYTHING, AnalyticsFilter())
            ).detected == 0
    async with scratch.autocommit() as connection:
        assert (await trends.get_totals(connection, EVERYTHING, AnalyticsFilter())).detected == 20
    assert (await fold_changes(scratch)).changes == 20
    async with scratch.autocommit() as connection:
        assert (await trends.get_totals(connection, EVERYTHING, AnalyticsFilter())).detected == 20


async def test_what_has_changed_is_looked_up_by_id_whatever_the_statistics_say(
    scratch: Database,
) -> None:
    """A read that joined would take a million outages in hand for ten changes, for as long as it believes in many."""
    writer = OutageWriter(random.Random(SEED + 3), MANY)
    async with scratch.transaction() as connection:
        await writer.declare(connection)
        many = "INSERT INTO analytics_changes (outage_id) SELECT 'gone-' || n FROM generate_series(1, 20000) n"
        await connection.execute(text(many))
    async with scratch.autocommit() as connection:
        await connection.execute(text("ANALYZE"))
        await connection.execute(
            text("DELETE FROM analytics_changes WHERE outage_id LIKE 'gone-%'")
        )
        plan = await connection.scalars(text(f"EXPLAIN WITH {rollups.LATE} SELECT * FROM late"))
        read = "\n".join(plan)
    assert "Seq Scan on analytics_changes" in read
    assert "Index Scan using pk_outages" in read, read
    assert "Seq Scan on outages" not in read, read
