"""Close an outage whose payment is proven."""

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.audit import make_audit_entry, make_engine_request
from domain.events import EventType, make_event
from domain.settlement.payments import CloseOutageInput
from domain.sla.outages import CloseOutageResult, OutageStatus


async def close_outage(database: Database, closing: CloseOutageInput) -> CloseOutageResult:
    """Close it once, in one statement, with its audit entry and its event."""
    outage_id, at = closing.outage_id, closing.at
    payload = {
        "outage_id": outage_id,
        "payment_id": closing.receipt.payment_id,
        "transaction_hash": closing.receipt.transaction_hash,
        "amount_stroops": str(closing.receipt.amount_stroops),
    }
    request = make_engine_request(closing.correlation_id)
    entry = make_audit_entry(f"outage/{outage_id}", "outage.closed", request, at, payload)
    event = make_event(EventType.OUTAGE_CLOSED, outage_id, at, payload)
    async with database.autocommit() as connection:
        made = outages.make_closing(outage_id, at)
        closed = await events.change(connection, made, [(entry, [event])])
        if closed is not None:
            return CloseOutageResult(outage_id, closed["version"])
        version = await outages.require(connection, outage_id, OutageStatus.CLOSED)
    return CloseOutageResult(outage_id, version)
