"""Correct a declared outage."""

from adapters.postgres import audit, events
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.audit import make_audit_entry
from domain.sla import outage_rules
from domain.sla.outages import AmendOutageInput


async def amend_outage(database: Database, amending: AmendOutageInput) -> int:
    """
    Return the version of the amended outage. A correction asked for again changes nothing: another one
    may have been made since.
    """
    outage_id, amendment = amending.outage_id, amending.amendment
    subject, by = f"outage/{outage_id}", amendment.request
    entry = make_audit_entry(
        subject, "outage.amended", by, amending.at, amendment.changes, amending.key
    )
    async with database.transaction() as connection:
        context = await outages.lock(connection, outage_id)
        if await audit.is_recorded(connection, entry.id):
            return context.version
        outage_rules.check_version(outage_id, amendment.expected_version, context.version)
        outage_rules.check_amendable(outage_id, context.status, amendment.changes)
        version = await outages.advance(connection, outage_id, **amendment.changes)
        await events.publish(connection, entry)
    return version
