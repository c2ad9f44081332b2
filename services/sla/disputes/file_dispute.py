"""Record an objection to a verdict; the money waits until it is decided."""

from datetime import timedelta

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import disputes, outage_contexts, outages
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.events import EventType, make_event
from domain.sla.disputes import FileDisputeInput, FileDisputeResult
from domain.sla.outages import OutageStatus


async def file_dispute(database: Database, filing: FileDisputeInput) -> FileDisputeResult:
    dispute, at = filing.dispute, filing.at
    deadline = at + timedelta(seconds=filing.decision_window_seconds)
    payload = {
        "dispute_id": dispute.id,
        "outage_id": dispute.outage_id,
        "revision": filing.revision,
        "reason": dispute.reason,
        "decision_deadline": format_instant(deadline),
    }
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, dispute.outage_id)
        known = await disputes.find_undecided(connection, dispute.outage_id)
        if known is not None:
            if known.id != dispute.id:
                raise Conflict(f"outage {dispute.outage_id!r} has an open dispute already")
            # Recorded by a run whose answer was lost: it is the open one.
            return FileDisputeResult(known.id, known.decision_deadline, context.version)
        version = await outages.move(connection, dispute.outage_id, OutageStatus.DISPUTED)
        await disputes.add(connection, dispute, filing.revision, at, deadline)
        subject = f"outage/{dispute.outage_id}"
        await events.publish(
            connection,
            make_audit_entry(subject, "dispute.filed", dispute.request, at, payload, dispute.id),
            make_event(EventType.DISPUTE_OPENED, dispute.outage_id, at, payload, dispute.id),
        )
    return FileDisputeResult(dispute.id, deadline, version)
