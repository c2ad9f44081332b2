"""Take a maintenance notice: its windows, or why a person has to read it; the notice itself in either case."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import maintenance_windows, messages, sources
from domain.audit import make_audit_entry
from domain.requests import Request
from domain.sla.intake.maintenance_windows import MaintenanceWindow, RecordedWindow
from domain.sla.intake.messages import MessageStatus
from services.sla.intake.receive_alerts import make_message


@dataclass(frozen=True, slots=True)
class ReceiveNotice:
    """`problem` is why its windows cannot be told."""

    source: str
    content: bytes = field(repr=False)
    windows: Sequence[MaintenanceWindow]
    problem: str | None
    request: Request
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedNotice:
    message_id: str
    repeated: bool
    problem: str | None
    windows: list[str]


async def receive_notice(database: Database, command: ReceiveNotice) -> ReceivedNotice:
    """
    A sequence that is on record with other content is a contradiction: then nothing of the notice is taken,
    and a person sees it.
    """
    async with database.transaction() as connection:
        await sources.lock(connection, command.source)
        await sources.note_heard(connection, command.source, command.at, 0)
        problem, made = command.problem, list[RecordedWindow]()
        stored = make_message(command.source, command.content, command.at, problem)
        try:
            async with connection.begin_nested():
                is_new = await messages.add(connection, stored)
                for each in command.windows:
                    made += await _add(connection, stored.id, each, command)
        except _Contradiction as found:
            problem, made = str(found), []
            stored = replace(stored, status=MessageStatus.QUARANTINED, problem=problem)
            is_new = await messages.add(connection, stored)
        if is_new:
            entry = make_audit_entry(
                f"message/{stored.id}",
                "notice.received",
                command.request,
                command.at,
                {"source": command.source, "problem": problem, "windows": [w.id for w in made]},
            )
            await events.publish(connection, entry)
    return ReceivedNotice(stored.id, not is_new, problem, [each.id for each in made])


class _Contradiction(Exception):
    """Two notices of one sequence that say different things."""


async def _add(
    connection: AsyncConnection, message_id: str, window: MaintenanceWindow, command: ReceiveNotice
) -> list[RecordedWindow]:
    """Return the window if it is new."""
    id_ = window.derive_window_id(command.source)
    record = RecordedWindow(id_, command.source, message_id, command.at, window)
    if await maintenance_windows.add(connection, record):
        return [record]
    known = await maintenance_windows.get(connection, id_)
    if replace(known.window, tzdata=None) != replace(window, tzdata=None):
        raise _Contradiction(
            f"SEQUENCE: {window.sequence} of {window.maintenance_id!r} was noticed before, with "
            "other content"
        )
    return []
