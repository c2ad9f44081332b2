"""Reopen an outage inside its dispute window: the service was not back, and its verdict is taken back."""

from adapters.postgres import audit, events, webhooks
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, verdicts
from domain.audit import make_audit_entry
from domain.events import EventType, derive_event_id, make_event
from domain.sla import outage_rules
from domain.sla.outages import CloseOutageResult, OutageStatus, ReopenOutageInput


async def reopen_outage(database: Database, reopening: ReopenOutageInput) -> CloseOutageResult:
    """
    Owe nothing by the verdict any more; the next one is the next revision. Asked again it is answered
    again. Raises Conflict when the outage is not judged, is disputed, or its dispute window has ended.
    """
    outage_id, asked, at, key = (
        *(reopening.outage_id, reopening.asked),
        *(reopening.at, reopening.key),
    )
    async with database.transaction() as connection:
        context = await outages.lock(connection, outage_id)
        judged = await verdicts.list_by_outage(connection, outage_id)
        payload = {"outage_id": outage_id, "reason": asked.reason, "revision": len(judged)}
        subject, by = f"outage/{outage_id}", asked.request
        entry = make_audit_entry(subject, "outage.reopened", by, at, payload, key)
        if await audit.is_recorded(connection, entry.id):
            event_id = derive_event_id(EventType.OUTAGE_REOPENED, outage_id, key)
            deliveries = await webhooks.find_deliveries(connection, event_id)
            return CloseOutageResult(outage_id, deliveries, context.version)
        outage_rules.check_version(outage_id, asked.expected_version, context.version)
        deadline = context.dispute_deadline
        outage_rules.check_reopenable(outage_id, context.status, deadline, at)
        if (owed := judged[-1].payment_id) is not None:
            await journal.take_back_accrual(connection, owed)
        # The key of the resolution stays: a late run of it must not resolve the outage again.
        to = OutageStatus.DECLARED
        version = await outages.move(
            connection, outage_id, to, resolved_at=None, dispute_deadline=None
        )
        event = make_event(EventType.OUTAGE_REOPENED, outage_id, at, payload, key)
        deliveries = await events.publish(connection, entry, event)
    return CloseOutageResult(outage_id, deliveries, version)
