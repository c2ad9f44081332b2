"""Correct what was said of an outage."""

from adapters.postgres import events, outages
from adapters.postgres.database import Database
from domain.audit import leaf
from domain.outages import Amending


async def amend_outage(database: Database, amending: Amending) -> None:
    outage_id, amendment = amending.outage_id, amending.amendment
    async with database.transaction() as connection:
        await outages.lock(connection, outage_id)
        await outages.amend(connection, outage_id, amendment.changes)
        await events.publish(
            connection,
            leaf(
                f"outage/{outage_id}",
                "outage.amended",
                amendment.request,
                amending.at,
                amendment.changes,
                amending.key,
            ),
        )
