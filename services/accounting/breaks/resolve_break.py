"""Say what became of the money that a closed break left in suspense."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import breaks, clearings, events, ledger
from adapters.postgres.database import Database
from domain.audit import leaf
from domain.breaks import Break
from domain.clearings import Clearing, cleared, clearing_entry
from domain.errors import Conflict
from domain.outages import Request


@dataclass(frozen=True, slots=True)
class ResolveBreak:
    clearing: Clearing
    request: Request


async def resolve_break(database: Database, command: ResolveBreak) -> None:
    """Take the money out of suspense; the same again changes nothing, another word is refused."""
    clearing = command.clearing
    async with database.transaction() as connection:
        row = await breaks.get(connection, clearing.break_id, lock=True)
        known = await clearings.get(connection, clearing.break_id)
        if known is None:
            closing_id = row["entry_id"] or ""
            await _resolve(connection, breaks.break_of(row), closing_id, command)
        elif (known["outcome"], known["note"], known["cleared_by"]) != (
            clearing.outcome,
            clearing.note,
            clearing.cleared_by,
        ):
            by = f"by {known['cleared_by']}: {known['outcome']}"
            raise Conflict(f"break {clearing.break_id} was cleared {by}")


async def _resolve(
    connection: AsyncConnection, found: Break, closing_id: str, command: ResolveBreak
) -> None:
    clearing = command.clearing
    closing = await ledger.get(connection, closing_id)
    entry = clearing_entry(clearing, closing, found.treasury)
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
