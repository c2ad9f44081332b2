"""Close an outage whose payment is proven."""

from adapters.postgres import events, outages
from adapters.postgres.database import Database
from domain.audit import by_engine, leaf
from domain.events import EventType, event
from domain.outages import Closure, OutageStatus
from domain.payments import Closing


async def close_outage(database: Database, closing: Closing) -> Closure:
    outage_id, at = closing.outage_id, closing.at
    facts = {
        "outage_id": outage_id,
        "payment_id": closing.receipt.payment_id,
        "transaction_hash": closing.receipt.transaction_hash,
        "amount_stroops": str(closing.receipt.amount_stroops),
    }
    async with database.transaction() as connection:
        await outages.move(connection, outage_id, OutageStatus.CLOSED, closed_at=at)
        request = by_engine(closing.correlation_id)
        deliveries = await events.publish(
            connection,
            leaf(f"outage/{outage_id}", "outage.closed", request, at, facts),
            event(EventType.OUTAGE_CLOSED, outage_id, at, facts),
        )
    return Closure(outage_id, deliveries)
