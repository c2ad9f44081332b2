"""Say that a message in quarantine has been seen to; it stays as evidence."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import messages
from domain.audit import make_audit_entry
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class DismissMessage:
    message_id: str
    reason: str
    request: Request
    at: datetime


async def dismiss_message(database: Database, command: DismissMessage) -> None:
    """Raises NotFound, and IllegalTransition for one that is not in quarantine."""
    async with database.transaction() as connection:
        if await messages.dismiss(connection, command.message_id):
            entry = make_audit_entry(
                f"message/{command.message_id}",
                "message.dismissed",
                command.request,
                command.at,
                {"reason": command.reason},
            )
            await events.publish(connection, entry)
