"""Ten thousand random outages with revisions, voids, reopenings: every figure is what a slow recount says."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from services.analytics.rollups.fold_changes import fold_changes
from tests.testkit.analytics.comparisons import check_span, check_trend, check_uptime
from tests.testkit.analytics.outage_writer import OutageWriter, write_agreements
from tests.testkit.analytics.slow_recomputation import read_slowly
from tests.testkit.stacks import Stacks, open_scratch_database

MANY, SEED = 10_000, 20261201


@pytest.fixture
async def scratch(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Database]:
    async with (
        stacks.start_postgres(tmp_path / "postgres") as url,
        open_scratch_database(url) as database,
    ):
        async with database.transaction() as connection:
            await write_agreements(connection)
        yield database


async def test_ten_thousand_outages_are_what_a_slow_recount_says(scratch: Database) -> None:
    luck = random.Random(SEED)
    writer = OutageWriter(luck, MANY)
    async with scratch.transaction() as connection:
        await writer.declare(connection)
    for step in range(9):
        for _ in range(luck.randrange(8)):
            await fold_changes(scratch, luck.randrange(2000))
        async with scratch.transaction() as connection:
            await writer.take_steps(connection, step)
        async with scratch.autocommit() as connection:
            # As autovacuum does it within a minute, which these tables have not had.
            await connection.execute(text("ANALYZE"))
    async with scratch.autocommit() as connection:
        slow = await read_slowly(connection)
    for folds in (False, True):
        while folds and (await fold_changes(scratch)).goes_on:
            pass
        async with scratch.autocommit() as connection:
            for _ in range(15):
                await check_trend(connection, slow, luck)
                await check_span(connection, slow, luck)
            for _ in range(4):
                await check_uptime(connection, slow, luck)
