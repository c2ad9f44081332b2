"""
The circuit breaker: once open, nothing new is signed or sent, while what was sent is still observed.

A person opens and closes it. It also opens by itself when the network's answers say that
something is wrong with us rather than with one payment.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import Invalid
from domain.settlement.envelopes import SendAnswer, SendStatus

REASON_MAX = 300


@dataclass(frozen=True, slots=True)
class SettlementHalt:
    """The state of the circuit breaker, who switched it, and why."""

    is_open: bool
    reason: str
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class CircuitBreakerLimits:
    """How many answers of a kind one worker takes within the window; 0 is any number."""

    alarms: int = 0
    unknowns: int = 0
    window: timedelta = timedelta(minutes=10)


class FailureCounter:
    """
    Counts bad answers to sends: none at all, or one with an alarming code.

    Those are codes that only we can mend: a key, an account or this program is wrong, and every
    further payment would meet the same.
    """

    def __init__(self, tolerance: CircuitBreakerLimits, alarming: frozenset[str]) -> None:
        self.tolerance = tolerance
        self.alarming = alarming
        self.alarms: deque[datetime] = deque()
        self.unknowns: deque[datetime] = deque()

    def record_answer(self, answer: SendAnswer, at: datetime) -> str | None:
        """Take one answer; return why the circuit breaker must open, once it was one too many."""
        if answer.status is SendStatus.UNKNOWN:
            heard, most, what = self.unknowns, self.tolerance.unknowns, "without a readable answer"
        elif answer.status is SendStatus.ERROR and answer.detail in self.alarming:
            heard, most, what = (
                self.alarms,
                self.tolerance.alarms,
                "refused with a code that only we can mend",
            )
        else:
            return None
        heard.append(at)
        while heard[0] <= at - self.tolerance.window:
            heard.popleft()
        if not most or len(heard) < most:
            return None
        heard.clear()  # counted anew once a person has closed it
        minutes = int(self.tolerance.window.total_seconds() // 60)
        return f"{most} sends within {minutes} minutes were {what}, the last one {answer}"


def check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        raise Invalid("reason", f"must be 1 to {REASON_MAX} characters")
