"""What is on record of an outage, as far as a row of a file may contradict it."""

from dataclasses import dataclass
from datetime import datetime

from domain.sla.outages import OutageStatus


@dataclass(frozen=True, slots=True)
class KnownOutage:
    id: str
    fingerprint: str
    status: OutageStatus
    resolved_at: datetime | None
    settled_elsewhere: bool
    # Of the newest verdict, without its sign.
    amount_stroops: int | None
