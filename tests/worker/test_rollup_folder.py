"""What changes is folded within seconds, by the worker that runs anyway."""

import httpx

from adapters.postgres.analytics import rollups
from adapters.postgres.database import Database
from tests.testkit.api_client import declare_outage, wait_until


async def test_changes_are_folded_by_the_worker(api: httpx.AsyncClient, database: Database) -> None:
    outage_id = await declare_outage(api)

    async def is_folded() -> bool:
        async with database.autocommit() as connection:
            known = await connection.exec_driver_sql(
                "SELECT 1 FROM analytics_contributions WHERE outage_id = %(id)s", {"id": outage_id}
            )
            return known.one_or_none() is not None

    await wait_until(is_folded, f"outage {outage_id} is folded")
    async with database.autocommit() as connection:
        # Other tests change outages all the time; an ever growing heap is what must not be.
        assert await rollups.count_changes(connection) < 2000
