"""Say what became of the money that a closed break left in suspense."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import breaks, clearings, events, ledger
from adapters.postgres.database import Database
from domain.audit import leaf
from domain.breaks import BreakRecord
from domain.clearings import Clearing, ClearingRecord, cleared, clearing_entry
from domain.errors import Conflict
from domain.outages import Request


@dataclass(frozen=True, slots=True)
class ResolveBreak:
    clearing: Clearing
    request: Request


async def resolve_break(database: Database, command: ResolveBreak) -> ClearingRecord:
    """Take the money out of suspense; the same again changes nothing, another word is refused."""
    break_id = command.clearing.break_id
    async with database.transaction() as connection:
        found = await breaks.get(connection, break_id, lock=True)
        known = await clearings.get(connection, break_id)
        if known is None:
            return await _resolve(connection, found, command)
    if not known.is_same(command.clearing):
        by = f"by {known.clearing.cleared_by}: {known.clearing.outcome}"
        raise Conflict(f"break {break_id} was cleared {by}")
    return known


async def _resolve(
    connection: AsyncConnection, closed: BreakRecord, command: ResolveBreak
) -> ClearingRecord:
    clearing = command.clearing
    closing = await ledger.get(connection, closed.entry_id or "")
    entry = clearing_entry(clearing, closing, closed.found.treasury)
    await ledger.book(connection, entry)
    await clearings.keep(connection, clearing, entry)
    facts = {
        "break_id": clearing.break_id,
        "outcome": clearing.outcome,
        "amount_stroops": str(cleared(entry)),
        "note": clearing.note,
        "entry_id": entry.id,
    }
    subject = f"break/{clearing.break_id}"
    await events.publish(
        connection, leaf(subject, "break.cleared", command.request, clearing.at, facts)
    )
    return ClearingRecord(clearing, cleared(entry), entry.id)
