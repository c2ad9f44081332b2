"""Correct a declared outage."""

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.audit import make_audit_entry
from domain.sla.outages import AmendOutageInput


async def amend_outage(database: Database, amending: AmendOutageInput) -> None:
    outage_id, amendment = amending.outage_id, amending.amendment
    async with database.transaction() as connection:
        await outages.lock(connection, outage_id)
        await outages.amend(connection, outage_id, amendment.changes)
        await events.publish(
            connection,
            make_audit_entry(
                f"outage/{outage_id}",
                "outage.amended",
                amendment.request,
                amending.at,
                amendment.changes,
                amending.key,
            ),
        )
