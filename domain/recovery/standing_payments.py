"""
How a payment stands on record, beside what its workflow and that of its outage show to wait for.

Both show one word (domain/reasons.py). Where it is not the one that follows from the record, the workflow has
missed something, and is told.
"""

from dataclasses import dataclass

from domain.reasons import PASSING, WAITS, ReasonCode, WaitsFor
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import OutageStatus

# What a payment is shown to wait for that is stopped; the outage shows the same.
STOPS = frozenset(WAITS.values()) - PASSING
ENDED = frozenset({PaymentStatus.CONFIRMED, PaymentStatus.VOIDED})


@dataclass(frozen=True, slots=True)
class StandingPayment:
    """
    `in_attempt` says that it has a (channel, sequence), alone or in a batch, and so that whoever drives that
    attempt says what stops it; `unsigned` that nothing is signed for that, though there was time for it.
    """

    id: str
    outage_id: str
    revision: int
    status: PaymentStatus
    reason_code: ReasonCode | None
    in_attempt: bool
    outage_status: OutageStatus
    unsigned: bool = False

    @property
    def workflow_id(self) -> str:
        return f"payment/{self.outage_id}/{self.revision}"

    @property
    def outage_workflow_id(self) -> str:
        return f"outage/{self.outage_id}"

    @property
    def stop(self) -> WaitsFor | None:
        """Return what it waits for that does not pass by itself; None when nothing stops it."""
        word = None if self.reason_code is None else WAITS[self.reason_code]
        return word if word in STOPS else None

    def describe(self) -> str:
        why = f", {self.reason_code}" if self.reason_code else ""
        return f"payment {self.id} is {self.status}{why}"

    def is_unknown_to_payment(self, shown: WaitsFor | None) -> bool:
        """Tell whether the payment's own workflow, which runs and shows this, has missed something."""
        if self.status in ENDED:
            return True
        if self.stop is None:
            return shown in STOPS
        if self.unsigned:  # whoever has reserved the channel is dead, and others wait for it
            return True
        return not self.in_attempt and shown not in STOPS

    def is_unknown_to_outage(self, shown: WaitsFor | None) -> bool:
        """Tell whether the workflow of its outage, which runs and shows this, has missed something."""
        if self.outage_status is not OutageStatus.SETTLING or self.status is PaymentStatus.VOIDED:
            return False
        if self.status is PaymentStatus.CONFIRMED:
            return True
        return shown in STOPS if self.stop is None else shown is not self.stop
