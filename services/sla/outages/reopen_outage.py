"""Reopen an outage inside its dispute window: the service was not back, and its verdict is taken back."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import audit, events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts, outages, verdicts
from adapters.postgres.sla.outage_contexts import OutageContext
from domain.audit import AuditEntry, make_audit_entry
from domain.events import EventType, make_event
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import CloseOutageResult, OutageStatus, ReopenOutageInput


async def reopen_outage(database: Database, reopening: ReopenOutageInput) -> CloseOutageResult:
    """
    Owe nothing by the verdict any more, nor by those of its parts; the next one is the next revision. Asked again
    it is answered again. Raises Conflict when the outage, or one of its parts, is not judged, is disputed, or its
    dispute window has ended.
    """
    outage_id, asked = reopening.outage_id, reopening.asked
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        check_whole(outage_id, context.part_of)
        if await audit.is_recorded(connection, _make_entry(outage_id, reopening, {}).id):
            return CloseOutageResult(outage_id, context.version)
        outage_rules.check_version(outage_id, asked.expected_version, context.version)
        version = await _reopen(connection, context, reopening)
        for part_id in context.parts:
            part = await outage_contexts.lock(connection, part_id)
            await _reopen(connection, part, reopening)
    return CloseOutageResult(outage_id, version)


async def _reopen(
    connection: AsyncConnection, context: OutageContext, reopening: ReopenOutageInput
) -> int:
    """Reopen an outage, or a part of one; return its version."""
    outage_id, at, key = context.outage.id, reopening.at, reopening.key
    outage_rules.check_reopenable(outage_id, context.status, context.dispute_deadline, at)
    judged = await verdicts.list_by_outage(connection, outage_id)
    if (owed := judged[-1].payment_id) is not None:
        await journal.take_back_accrual(connection, owed)
    # The key of the resolution stays: a late run of it must not resolve the outage again.
    to = OutageStatus.DECLARED
    version = await outages.move(connection, outage_id, to, resolved_at=None, dispute_deadline=None)
    reason = reopening.asked.reason
    payload = {"outage_id": outage_id, "reason": reason, "revision": len(judged)}
    event = make_event(EventType.OUTAGE_REOPENED, outage_id, at, payload, key)
    entry = _make_entry(outage_id, reopening, payload)
    await events.publish(connection, entry, event)
    return version


def _make_entry(
    outage_id: str, reopening: ReopenOutageInput, payload: dict[str, Any]
) -> AuditEntry:
    subject, by = f"outage/{outage_id}", reopening.asked.request
    return make_audit_entry(subject, "outage.reopened", by, reopening.at, payload, reopening.key)
