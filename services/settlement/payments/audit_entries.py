"""The audit entries and events of payments that several use cases share."""

from datetime import datetime
from typing import Any

from domain import payloads
from domain.audit import AuditEntry, make_audit_entry, make_engine_request
from domain.events import Event, EventType, make_event
from domain.reasons import Reason
from domain.requests import Request
from domain.settlement.attempts import Attempt
from domain.settlement.payments import Payment, PaymentStatus


def describe_paid(
    payment: Payment, at: datetime, proof: dict[str, Any], by: Request | None = None
) -> tuple[AuditEntry, list[Event]]:
    """Return the entry and the event of a payment that is proven on the chain."""
    payload = payloads.describe_payment(payment) | proof
    by, subject = by or make_engine_request(payment.correlation_id), f"outage/{payment.outage_id}"
    # One that is reopened is confirmed once more, by another transaction.
    key = (payment.id, str(proof["transaction_hash"]))
    return (
        make_audit_entry(subject, "payment.confirmed", by, at, payload, *key),
        [make_event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, payload, *key)],
    )


def describe_attempt_failed(
    payment: Payment, attempt: Attempt, at: datetime, payload: dict[str, Any]
) -> tuple[AuditEntry, list[Event]]:
    """Return the entry and the event of an attempt without effect."""
    payload = payloads.describe_payment(payment) | payload
    by, outage_id = make_engine_request(payment.correlation_id), payment.outage_id
    subject, key = f"outage/{outage_id}", (payment.id, attempt.hash)
    return (
        make_audit_entry(subject, "payment.attempt_failed", by, at, payload, *key),
        [make_event(EventType.PAYMENT_FAILED, outage_id, at, payload, *key)],
    )


def describe_submitted(
    payment: Payment, attempt: Attempt, at: datetime
) -> tuple[AuditEntry, list[Event]]:
    """Return the entry and the event of a payment of which signed bytes were sent for the first time."""
    payload = payloads.describe_payment(payment) | {
        "transaction_hash": attempt.newest_hash,
        "last_ledger": attempt.max_ledger,
    }
    by, outage_id = make_engine_request(payment.correlation_id), payment.outage_id
    subject, key = f"outage/{outage_id}", (payment.id, attempt.payment_id, str(attempt.n))
    return (
        make_audit_entry(subject, "payment.submitted", by, at, payload, *key),
        [make_event(EventType.PAYMENT_SUBMITTED, outage_id, at, payload, *key)],
    )


def describe_stopped(
    payment: Payment, status: PaymentStatus, reason: Reason, at: datetime
) -> tuple[AuditEntry, list[Event]]:
    """Return the entry and the event of a payment that waits, with the reason."""
    kind = (
        EventType.PAYMENT_ON_HOLD if status is PaymentStatus.ON_HOLD else EventType.PAYMENT_BLOCKED
    )
    payload = payloads.describe_payment(payment) | {
        "status": status,
        "reason_code": reason.code,
        "reason": reason.sentence,
    }
    key = (payment.id, reason.sentence)  # stopped again for the same reason is no news
    by, outage_id = make_engine_request(payment.correlation_id), payment.outage_id
    return (
        make_audit_entry(f"outage/{outage_id}", f"payment.{status}", by, at, payload, *key),
        [make_event(kind, outage_id, at, payload, *key)],
    )
