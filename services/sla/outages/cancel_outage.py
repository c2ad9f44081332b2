"""Cancel what was never an outage, without a verdict."""

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.audit import make_audit_entry
from domain.events import EventType, make_event
from domain.sla import outage_rules
from domain.sla.outages import CancelOutageInput, CloseOutageResult, OutageStatus


async def cancel_outage(database: Database, cancelling: CancelOutageInput) -> CloseOutageResult:
    outage_id, at = cancelling.outage_id, cancelling.at
    request = cancelling.cancellation.request
    payload = {"outage_id": outage_id, "reason": cancelling.cancellation.reason}
    expected = cancelling.cancellation.expected_version
    async with database.transaction() as connection:
        context = await outages.lock(connection, outage_id)
        if context.status is not OutageStatus.CANCELLED:
            outage_rules.check_version(outage_id, expected, context.version)
        version = await outages.move(connection, outage_id, OutageStatus.CANCELLED, closed_at=at)
        deliveries = await events.publish(
            connection,
            make_audit_entry(f"outage/{outage_id}", "outage.cancelled", request, at, payload),
            make_event(EventType.OUTAGE_CANCELLED, outage_id, at, payload),
        )
    return CloseOutageResult(outage_id, deliveries, version)
