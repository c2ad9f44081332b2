"""Close a break, with an adjustment that posts its difference to suspense, if there is one."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import breaks, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import EVERYTHING
from domain.accounting.breaks import (
    AdjustmentKind,
    Break,
    BreakClosure,
    BreakKind,
    BreakRecord,
    BreakStatus,
    make_adjustment,
)
from domain.accounting.journal import Entry
from domain.audit import make_audit_entry
from domain.errors import Conflict, Invalid
from domain.events import EventType, make_event
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class CloseBreak:
    break_id: str
    closing: BreakClosure
    request: Request


async def close_break(database: Database, command: CloseBreak) -> BreakRecord:
    """Close a break; the same closing again changes nothing, another is refused."""
    break_id = command.break_id
    async with database.transaction() as connection:
        before = await breaks.get(connection, break_id, lock=True)
        if before.status is BreakStatus.OPEN:
            await close_break_within(connection, before.found, command)
        elif not before.is_closed_by(command.closing):
            raise Conflict(f"break {break_id} was closed by {before.closed_by}")
        return await breaks.get(connection, break_id)


async def close_break_within(
    connection: AsyncConnection, found: Break, command: CloseBreak
) -> None:
    """Close an open break in the transaction of the caller, who has locked it."""
    break_id, closing = command.break_id, command.closing
    if closing.kind is AdjustmentKind.NONE:
        await _refuse_unpaid(connection, found)
    entry = None
    if closing.kind is AdjustmentKind.SUSPENSE:
        entry = await _post_difference(connection, found)
    await breaks.close(connection, break_id, closing, entry.id if entry else None)
    payload = found.payload() | {
        "adjustment": closing.kind,
        "note": closing.note,
        "closed_by": closing.closed_by,
        "entry_id": entry.id if entry else None,
    }
    await events.publish(
        connection,
        make_audit_entry(f"break/{break_id}", "break.closed", command.request, closing.at, payload),
        make_event(EventType.BREAK_CLOSED, None, closing.at, payload, break_id),
    )


async def _post_difference(connection: AsyncConnection, found: Break) -> Entry:
    await _refuse_duplicate(connection, found)
    entry = make_adjustment(found, *await breaks.get_money_moved(connection, found))
    if entry is None:
        raise Invalid(
            "adjustment", "the break has no difference to post; close it with closing none"
        )
    await journal.post_entry(connection, entry)
    return entry


async def _refuse_unpaid(connection: AsyncConnection, found: Break) -> None:
    """Refuse to close without an entry while the payment of an out-of-band transfer is not paid."""
    if found.kind is not BreakKind.MISSING_IN_JOURNAL or found.payment_id is None:
        return
    record = await payments.get(connection, found.payment_id, EVERYTHING)
    if record.transaction_hash is None and not await breaks.is_own_transaction(connection, found):
        raise Conflict(
            f"payment {found.payment_id} is not paid: match this transfer with the payment first, by POST"
            f" /payments/{found.payment_id}/manual-match, if it is exactly what is owed, or close it with suspense"
            " to have it made as well"
        )


async def _refuse_duplicate(connection: AsyncConnection, found: Break) -> None:
    """Refuse to post a difference that was posted under another break, or that a confirmation will post."""
    if (other := await breaks.find_same_difference(connection, found)) is not None:
        raise Conflict(f"the difference was posted with break {other}; close it with none")
    if found.kind is not BreakKind.MISSING_IN_JOURNAL or found.payment_id is None:
        return
    record = await payments.get(connection, found.payment_id, EVERYTHING)
    if record.transaction_hash == found.transaction_hash:
        raise Conflict("the transfer was confirmed meanwhile; close the break with closing none")
    if record.transaction_hash is None and await breaks.is_own_transaction(connection, found):
        raise Conflict(
            "the engine's own bytes made this transfer, and the settlement worker posts it when it"
            " confirms the payment; close it with none"
        )
