"""Cancel what was never an outage, without a verdict, and its parts with it."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts, outages
from domain.audit import make_audit_entry
from domain.events import EventType, make_event
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import CancelOutageInput, CloseOutageResult, OutageStatus


async def cancel_outage(database: Database, cancelling: CancelOutageInput) -> CloseOutageResult:
    outage_id, expected = cancelling.outage_id, cancelling.cancellation.expected_version
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        check_whole(outage_id, context.part_of)
        if context.status is not OutageStatus.CANCELLED:
            outage_rules.check_version(outage_id, expected, context.version)
        version = await _cancel(connection, outage_id, cancelling)
        for part_id in context.parts:
            await _cancel(connection, part_id, cancelling)
    return CloseOutageResult(outage_id, version)


async def _cancel(
    connection: AsyncConnection, outage_id: str, cancelling: CancelOutageInput
) -> int:
    """Cancel an outage, or a part of one; return its version."""
    cancellation, at = cancelling.cancellation, cancelling.at
    payload = {"outage_id": outage_id, "reason": cancellation.reason}
    version = await outages.move(connection, outage_id, OutageStatus.CANCELLED, closed_at=at)
    subject, by = f"outage/{outage_id}", cancellation.request
    await events.publish(
        connection,
        make_audit_entry(subject, "outage.cancelled", by, at, payload),
        make_event(EventType.OUTAGE_CANCELLED, outage_id, at, payload),
    )
    return version
