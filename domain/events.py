"""Every event a subscriber can receive."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.digests import derived_id


class EventType(StrEnum):
    OUTAGE_CREATED = "outage.created"
    OUTAGE_RESOLVED = "outage.resolved"
    OUTAGE_CANCELLED = "outage.cancelled"
    OUTAGE_CLOSED = "outage.closed"
    SLA_BREACHED = "sla.breached"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_RESOLVED = "dispute.resolved"
    PAYMENT_PROCESSED = "payment.processed"
    PAYMENT_PARKED = "payment.parked"
    BREAK_FOUND = "reconciliation.break_found"
    BREAK_CLOSED = "reconciliation.break_closed"


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that happened, mostly to an outage; `data` is the JSON a subscriber reads.

    Where there is no outage, the key alone tells events of one type apart.
    """

    id: str
    type: EventType
    outage_id: str | None
    occurred_at: datetime
    data: dict[str, Any]


def event(
    type_: EventType,
    outage_id: str | None,
    occurred_at: datetime,
    data: dict[str, Any],
    *key: str,
) -> Event:
    """Make an event whose id is the same however often the same step is repeated."""
    return Event(event_id(type_, outage_id, *key), type_, outage_id, occurred_at, data)


def event_id(type_: EventType, outage_id: str | None, *key: str) -> str:
    return derived_id("evt", outage_id or "", type_, *key)
