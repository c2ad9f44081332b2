"""End what was never an outage, without a verdict."""

from adapters.postgres import events, outages
from adapters.postgres.database import Database
from domain.audit import leaf
from domain.events import EventType, event
from domain.outages import Cancelling, Closure, OutageStatus


async def cancel_outage(database: Database, cancelling: Cancelling) -> Closure:
    outage_id, at = cancelling.outage_id, cancelling.at
    request = cancelling.cancellation.request
    facts = {"outage_id": outage_id, "reason": cancelling.cancellation.reason}
    async with database.transaction() as connection:
        await outages.move(connection, outage_id, OutageStatus.CANCELLED, closed_at=at)
        deliveries = await events.publish(
            connection,
            leaf(f"outage/{outage_id}", "outage.cancelled", request, at, facts),
            event(EventType.OUTAGE_CANCELLED, outage_id, at, facts),
        )
    return Closure(outage_id, deliveries)
