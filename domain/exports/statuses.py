"""Statuses as callers are shown them: fewer than there are, by which lists are filtered and files are read."""

from collections.abc import Mapping, Sequence

from domain.settlement.payments import PaymentStatus
from domain.sla.outages import OutageStatus

OUTAGE_STATUSES: Mapping[str, Sequence[OutageStatus]] = {
    "open": [OutageStatus.DECLARED],
    "resolved": [
        OutageStatus.DISPUTABLE,
        OutageStatus.DISPUTED,
        OutageStatus.SETTLING,
        OutageStatus.CLOSED,
        OutageStatus.VOIDED,
    ],
    "cancelled": [OutageStatus.CANCELLED],
}
# A confirmed one is found as completed, too, and shown as confirmed.
PAYMENT_STATUSES: Mapping[str, Sequence[PaymentStatus]] = {
    "pending": [
        PaymentStatus.PENDING,
        PaymentStatus.ON_HOLD,
        PaymentStatus.PREPARED,
        PaymentStatus.SUBMITTED,
    ],
    "confirmed": [PaymentStatus.CONFIRMED],
    "completed": [PaymentStatus.CONFIRMED],
    "failed": [PaymentStatus.BLOCKED, PaymentStatus.QUARANTINED, PaymentStatus.VOIDED],
}
