"""Put on record that somebody has a payment looked at now: tried again, or compared with the chain."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.payments import PaymentStatus


class CheckKind(StrEnum):
    RETRY = "retry"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class RequestCheck:
    payment_id: str
    kind: CheckKind
    request: Request
    at: datetime


async def request_check(database: Database, command: RequestCheck) -> bool:
    """
    Return whether the payment has to be notified; one that is confirmed is final. Raises NotFound, and
    Conflict when a confirmed payment is to be tried again.
    """
    payment_id, by, at = command.payment_id, command.request, command.at
    async with database.transaction() as connection:
        record = await payments.get(connection, payment_id, EVERYTHING)
        confirmed = record.status is PaymentStatus.CONFIRMED
        if confirmed and command.kind is CheckKind.RETRY:
            raise Conflict(f"payment {payment_id} is confirmed by {record.transaction_hash}")
        if record.status is PaymentStatus.VOIDED:
            raise Conflict(f"payment {payment_id} is voided: there is nothing to pay")
        if not confirmed:
            payload = {"payment_id": payment_id, "status": record.status}
            subject, action = (
                f"outage/{record.payment.outage_id}",
                f"payment.{command.kind}_requested",
            )
            key = (payment_id, by.correlation_id, format_instant(at))
            entry = make_audit_entry(subject, action, by, at, payload, *key)
            await events.publish(connection, entry)
    return not confirmed
