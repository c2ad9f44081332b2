"""Correct a declared outage, and its parts with it."""

from adapters.postgres import audit, events
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts, outages
from domain.audit import make_audit_entry
from domain.events import Event, EventType, make_event
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import AmendOutageInput
from services.sla.agreements.check_amendment import check_same_agreements_within


async def amend_outage(database: Database, amending: AmendOutageInput) -> int:
    """
    Return the version of the amended outage. A correction asked for again changes nothing: another one
    may have been made since.
    """
    outage_id, amendment, at = amending.outage_id, amending.amendment, amending.at
    changes = amendment.changes
    action = ("outage.amended", amendment.request, at, changes, amending.key)
    entry = make_audit_entry(f"outage/{outage_id}", *action)
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        if await audit.is_recorded(connection, entry.id):
            return context.version
        check_whole(outage_id, context.part_of)
        outage_rules.check_settled_here(outage_id, settled_elsewhere=context.settled_elsewhere)
        outage_rules.check_version(outage_id, amendment.expected_version, context.version)
        outage_rules.check_amendable(outage_id, context.status, changes)
        await check_same_agreements_within(connection, outage_id, changes)
        version = await outages.advance(connection, outage_id, **changes)
        await events.publish(connection, entry, _make_event(outage_id, amending))
        for part_id in context.parts:
            await outages.advance(connection, part_id, **changes)
            part_entry = make_audit_entry(f"outage/{part_id}", *action)
            await events.publish(connection, part_entry, _make_event(part_id, amending))
    return version


def _make_event(outage_id: str, amending: AmendOutageInput) -> Event:
    payload = {"outage_id": outage_id, "changes": amending.amendment.changes}
    at, key = amending.at, amending.key
    return make_event(EventType.OUTAGE_AMENDED, outage_id, at, payload, key)
