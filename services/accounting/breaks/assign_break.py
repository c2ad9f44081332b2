"""Give a break an owner."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.accounting import breaks
from adapters.postgres.database import Database
from domain.accounting.breaks import BreakRecord, BreakStatus
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class AssignBreak:
    break_id: str
    owner: str
    request: Request
    at: datetime


async def assign_break(database: Database, command: AssignBreak) -> BreakRecord:
    break_id, owner, at = command.break_id, command.owner, command.at
    async with database.transaction() as connection:
        before = await breaks.get(connection, break_id, lock=True)
        if before.status is not BreakStatus.OPEN:
            raise Conflict(f"break {break_id} is closed; its owner can no longer be changed")
        if before.owner == owner:
            return before
        await breaks.assign(connection, break_id, owner)
        payload = {"break_id": break_id, "owner": owner, "before": before.owner}
        subject, key = f"break/{break_id}", at.isoformat()
        await events.publish(
            connection,
            make_audit_entry(subject, "break.assigned", command.request, at, payload, key),
        )
        return await breaks.get(connection, break_id)
