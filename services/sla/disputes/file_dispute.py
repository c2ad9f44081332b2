"""Record an objection to a verdict; the money waits until it is decided."""

from datetime import timedelta

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import disputes, events, outages, webhooks
from adapters.postgres.database import Database
from domain.audit import leaf
from domain.digests import instant
from domain.disputes import Filed, Filing
from domain.events import EventType, event, event_id
from domain.outages import OutageStatus


async def file_dispute(database: Database, filing: Filing) -> Filed:
    dispute, at = filing.dispute, filing.at
    deadline = at + timedelta(seconds=filing.ruling_window_seconds)
    facts = {
        "dispute_id": dispute.id,
        "outage_id": dispute.outage_id,
        "revision": filing.revision,
        "reason": dispute.reason,
        "ruling_deadline": instant(deadline),
    }
    async with database.transaction() as connection:
        await outages.lock(connection, dispute.outage_id)
        known = await disputes.open_on(connection, dispute.outage_id)
        if known is not None:
            return await _standing(connection, known)
        await outages.move(connection, dispute.outage_id, OutageStatus.DISPUTED)
        await disputes.add(connection, dispute, filing.revision, at, deadline)
        subject = f"outage/{dispute.outage_id}"
        deliveries = await events.publish(
            connection,
            leaf(subject, "dispute.filed", dispute.request, at, facts, dispute.id),
            event(EventType.DISPUTE_OPENED, dispute.outage_id, at, facts, dispute.id),
        )
    return Filed(dispute.id, deadline, deliveries)


async def _standing(connection: AsyncConnection, known: RowMapping) -> Filed:
    """Read back a dispute that was recorded by a run whose answer was lost: it is the open one."""
    opened = event_id(EventType.DISPUTE_OPENED, known["outage_id"], known["id"])
    deliveries = await webhooks.called_for(connection, opened)
    return Filed(known["id"], known["ruling_deadline"], deliveries)
