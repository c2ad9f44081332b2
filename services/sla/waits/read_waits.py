"""Read what outages wait for, as their workflows show it: from the database, which is the truth."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement.listings import payments
from adapters.postgres.sla import waits
from domain.reasons import Wait
from domain.sla.waits import find_wait


async def read_waits(
    database: Database, outage_ids: Sequence[str], at: datetime
) -> dict[str, Wait]:
    """Return the wait of each outage, by its id."""
    if not outage_ids:
        return {}
    async with database.autocommit() as connection:
        standings = await waits.list_standings(connection, outage_ids)
        stopped = await payments.find_waits(connection, outage_ids, at)
    return {
        id_: find_wait(replace(standing, stopped=stopped.get(id_)), at)
        for id_, standing in standings.items()
    }
