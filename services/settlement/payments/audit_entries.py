"""What the audit trail and subscribers are told of a payment; used by whoever settles it."""

from datetime import datetime
from typing import Any

from domain import payloads
from domain.audit import AuditEntry, make_audit_entry, make_engine_request
from domain.events import Event, EventType, make_event
from domain.reasons import Reason
from domain.settlement.attempts import Attempt
from domain.settlement.payments import Payment, PaymentStatus


def describe_paid(
    payment: Payment, at: datetime, proof: dict[str, Any]
) -> tuple[AuditEntry, list[Event]]:
    """The entry and the event that tell of a payment on the chain."""
    facts = payloads.describe_payment(payment) | proof
    by, subject = make_engine_request(payment.correlation_id), f"outage/{payment.outage_id}"
    return (
        make_audit_entry(subject, "payment.confirmed", by, at, facts, payment.id),
        [make_event(EventType.PAYMENT_PROCESSED, payment.outage_id, at, facts, payment.id)],
    )


def describe_attempt_failed(
    payment: Payment, attempt: Attempt, at: datetime, facts: dict[str, Any]
) -> AuditEntry:
    """The entry that tells of a transaction without effect."""
    return make_audit_entry(
        f"outage/{payment.outage_id}",
        "payment.attempt_failed",
        make_engine_request(payment.correlation_id),
        at,
        payloads.describe_payment(payment) | facts,
        payment.id,
        attempt.hash,
    )


def describe_stopped(
    payment: Payment, status: PaymentStatus, reason: Reason, at: datetime
) -> tuple[AuditEntry, list[Event]]:
    """The entry and the event that tell of a payment that waits, and why."""
    kind = (
        EventType.PAYMENT_ON_HOLD if status is PaymentStatus.ON_HOLD else EventType.PAYMENT_BLOCKED
    )
    facts = payloads.describe_payment(payment) | {
        "status": status,
        "reason_code": reason.code,
        "reason": reason.sentence,
    }
    key = (payment.id, reason.sentence)  # held again for the same reason is no news
    by, outage_id = make_engine_request(payment.correlation_id), payment.outage_id
    return (
        make_audit_entry(f"outage/{outage_id}", f"payment.{status}", by, at, facts, *key),
        [make_event(kind, outage_id, at, facts, *key)],
    )
