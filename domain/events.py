"""Events: what happened, as subscribers receive it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.digests import derive_id


class EventType(StrEnum):
    OUTAGE_CREATED = "outage.created"
    OUTAGE_AMENDED = "outage.amended"
    OUTAGE_RESOLVED = "outage.resolved"
    OUTAGE_REOPENED = "outage.reopened"
    OUTAGE_CANCELLED = "outage.cancelled"
    OUTAGE_CLOSED = "outage.closed"
    SLA_MET = "sla.met"
    SLA_BREACHED = "sla.breached"
    SLA_REVISED = "sla.revised"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_RESOLVED = "dispute.resolved"
    DISPUTE_EXPIRED = "dispute.expired"
    DISPUTE_WITHDRAWN = "dispute.withdrawn"
    ATTESTATION_HALTED = "attestation.halted"
    PAYMENT_SUBMITTED = "payment.submitted"
    PAYMENT_PROCESSED = "payment.processed"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_BLOCKED = "payment.blocked"
    PAYMENT_ON_HOLD = "payment.on_hold"
    PAYMENT_REOPENED = "payment.reopened"
    PAYMENT_VOIDED = "payment.voided"
    PAYMENT_APPROVED = "payment.approved"
    CIRCUIT_BREAKER_OPENED = "settlement.circuit_breaker_opened"
    CIRCUIT_BREAKER_CLOSED = "settlement.circuit_breaker_closed"
    BREAK_FOUND = "reconciliation.break_found"
    BREAK_CLOSED = "reconciliation.break_closed"
    INVARIANT_VIOLATED = "ledger.invariant_violated"
    OBLIGATION_OVERDUE = "ledger.obligation_overdue"
    REFRESH_TOKEN_REUSED = "access.refresh_token_reused"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_RECOVERED = "webhook.recovered"
    WEBHOOK_TEST = "webhook.test"

    @classmethod
    def _missing_(cls, value: object) -> "EventType | None":
        """Return what a name of the field's own means that we have another name for."""
        return _ALIASES.get(str(value))


# Names that others have for the same: whoever subscribes to one subscribes to what stands beside it.
_ALIASES: Mapping[str, EventType] = {
    "dispute.filed": EventType.DISPUTE_OPENED,
    "dispute.decided": EventType.DISPUTE_RESOLVED,
    "payment.confirmed": EventType.PAYMENT_PROCESSED,
    "endpoint.disabled": EventType.WEBHOOK_DISABLED,
    "endpoint.recovered": EventType.WEBHOOK_RECOVERED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that happened to an outage, or, when `outage_id` is None, to the engine itself; `data` is the
    JSON a subscriber reads.
    """

    id: str
    type: EventType
    outage_id: str | None
    occurred_at: datetime
    data: dict[str, Any]


def make_event(
    type_: EventType, outage_id: str | None, occurred_at: datetime, data: dict[str, Any], *key: str
) -> Event:
    """Make an event whose id is the same however often the same activity is repeated."""
    return Event(derive_event_id(type_, outage_id, *key), type_, outage_id, occurred_at, data)


def derive_event_id(type_: EventType, outage_id: str | None, *key: str) -> str:
    return derive_id("evt", outage_id or "", type_, *key)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event as the feed shows it, with its place in the order of commits."""

    transaction: int
    sequence: int
    id: str
    type: str
    outage_id: str | None
    outage_sequence: int | None
    occurred_at: datetime
    data: Mapping[str, Any]
