"""Record what became of the money that a closed break left in suspense."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import break_resolutions, breaks, journal
from adapters.postgres.database import Database
from domain.accounting.break_resolutions import (
    BreakResolution,
    BreakResolutionRecord,
    get_resolved_stroops,
    make_resolution_entry,
)
from domain.accounting.breaks import BreakRecord
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class ResolveBreak:
    resolution: BreakResolution
    request: Request


async def resolve_break(database: Database, command: ResolveBreak) -> BreakResolutionRecord:
    """Take the money out of suspense; the same again changes nothing, a different outcome is refused."""
    break_id = command.resolution.break_id
    async with database.transaction() as connection:
        found = await breaks.get(connection, break_id, lock=True)
        known = await break_resolutions.get(connection, break_id)
        if known is None:
            return await _resolve(connection, found, command)
    if not known.is_same(command.resolution):
        by = f"by {known.resolution.resolved_by}: {known.resolution.outcome}"
        raise Conflict(f"break {break_id} was resolved {by}")
    return known


async def _resolve(
    connection: AsyncConnection, closed: BreakRecord, command: ResolveBreak
) -> BreakResolutionRecord:
    resolution = command.resolution
    closing = await journal.get(connection, closed.entry_id or "")
    entry = make_resolution_entry(resolution, closing, closed.found.treasury)
    await journal.post_entry(connection, entry)
    await break_resolutions.save(connection, resolution, entry)
    payload = {
        "break_id": resolution.break_id,
        "outcome": resolution.outcome,
        "amount_stroops": str(get_resolved_stroops(entry)),
        "note": resolution.note,
        "entry_id": entry.id,
    }
    subject = f"break/{resolution.break_id}"
    await events.publish(
        connection,
        make_audit_entry(subject, "break.resolved", command.request, resolution.at, payload),
    )
    return BreakResolutionRecord(resolution, get_resolved_stroops(entry), entry.id)
