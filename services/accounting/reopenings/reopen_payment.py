"""Reopen a payment that counts as made and is on no chain, with all that its transaction was to pay."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import break_resolutions, breaks, journal
from adapters.postgres.database import Database
from domain import payloads
from domain.accounting.breaks import AdjustmentKind, BreakClosure
from domain.accounting.journal import (
    Entry,
    make_released_entries,
    make_reversal,
    make_settlement,
)
from domain.accounting.reopenings import REOPENED, Reopening, UnprovenAttempt
from domain.audit import AuditEntry, make_audit_entry
from domain.errors import Conflict
from domain.events import Event, EventType, make_event
from domain.settlement.payments import Payment
from services.accounting.breaks.close_break import CloseBreak, close_break_within


@dataclass(frozen=True, slots=True)
class ReopenPayment:
    """What a person decides, and the attempt of which it was proven."""

    payment_id: str
    found: UnprovenAttempt
    reopening: Reopening


async def reopen_payment(database: Database, command: ReopenPayment) -> list[Payment]:
    """
    Reverse the settlements, end the attempt, owe the payments again and close the breaks.

    Only of what was proven: refused when anything has changed in the meantime. Returns the payments.
    """
    found, reopening = command.found, command.reopening
    async with database.transaction() as connection:
        if await break_resolutions.lock_unproven(connection, command.payment_id) != found:
            raise Conflict(
                f"payment {command.payment_id} was changed by another process meanwhile; run it again"
            )
        await journal.post_entries(connection, _make_entries(found))
        await break_resolutions.reopen(
            connection, found, reopening.proof, sequence_unused=reopening.sequence_unused
        )
        await _close_breaks(connection, found, reopening)
        await events.publish_all(
            connection, [_describe(each, found, reopening) for each in found.payments.values()]
        )
    return list(found.payments.values())


def _make_entries(found: UnprovenAttempt) -> list[Entry]:
    """Return the entries that take back what the settlement said, and the reservation before it."""
    attempt = found.attempt
    return [
        entry
        for payment in found.payments.values()
        for entry in (
            make_reversal(make_settlement(payment, found.transaction_hash)),
            *make_released_entries(payment, attempt.n, attempt.payment_id),
        )
    ]


async def _close_breaks(
    connection: AsyncConnection, found: UnprovenAttempt, reopening: Reopening
) -> None:
    note = f"reopened: {reopening.note}"
    closing = BreakClosure(AdjustmentKind.NONE, note, reopening.request.actor, reopening.at)
    for break_id in found.breaks:
        record = await breaks.get(connection, break_id, lock=True)
        await close_break_within(
            connection, record.found, CloseBreak(break_id, closing, reopening.request)
        )


def _describe(
    payment: Payment, found: UnprovenAttempt, reopening: Reopening
) -> tuple[AuditEntry, list[Event]]:
    payload = payloads.describe_payment(payment) | {
        "transaction_hash": found.transaction_hash,
        "proof": reopening.proof,
        "note": reopening.note,
    }
    by, at, key = reopening.request, reopening.at, (payment.id, found.transaction_hash)
    return (
        make_audit_entry(f"outage/{payment.outage_id}", REOPENED, by, at, payload, *key),
        [make_event(EventType.PAYMENT_REOPENED, payment.outage_id, at, payload, *key)],
    )
