"""The gate before every signature: what a limit, a missing approval or the circuit breaker holds, waits."""

from collections.abc import Callable
from datetime import UTC, datetime

from activities.settlement.circuit_breakers import CircuitBreaker
from adapters.postgres.database import Database
from adapters.postgres.settlement import manual_matches
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import OnHold
from domain.settlement.limits import (
    NO_LIMITS,
    Admission,
    Limits,
    find_hold,
    hold_while_open,
)
from domain.settlement.manual_matches import OutOfBandTransfer
from domain.settlement.payments import Payment
from services.settlement.limits.admit_payment import admit_payment


def _now() -> datetime:
    return datetime.now(UTC)


class SigningGate:
    """With no limit set and the circuit breaker closed, `hold` asks the database nothing."""

    def __init__(
        self,
        database: Database,
        allowed: Limits = NO_LIMITS,
        circuit_breaker: CircuitBreaker | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.database = database
        self.allowed = allowed
        self.circuit_breaker = circuit_breaker or CircuitBreaker(database)
        self.now = now

    async def find_hold(self, payment: Payment) -> OnHold | None:
        """
        Ask before anything is reserved: None lets the payment go, and counts it once, on the day
        it is first let go. One that was signed before always goes on: it must be observed.
        """
        stopped = await self.circuit_breaker.reason() is not None
        if not stopped and not self.allowed.any():
            return None
        now = self.now()
        answer = await admit_payment(self.database, payment, self.allowed, now.date())
        if stopped and answer.admission is not Admission.CIRCUIT_BREAKER:
            self.circuit_breaker.forget()  # the book knows better: it was closed a moment ago
        return find_hold(self.allowed, payment, answer, now)

    async def find_out_of_band(self, *payment_ids: str) -> dict[str, OutOfBandTransfer]:
        """Ask before new bytes are signed: who pays a payment by hand leaves nothing to be paid."""
        async with self.database.autocommit() as connection:
            made = await manual_matches.find_out_of_band(connection, payment_ids)
        return {each.payment_id: each for each in reversed(made)}

    async def pause(self) -> OnHold | None:
        """Ask before new bytes are signed: an open circuit breaker holds those that replace dead ones too."""
        reason = await self.circuit_breaker.reason()
        return None if reason is None else hold_while_open(reason, self.now())

    async def get_send_obstacle(self) -> Reason | None:
        """Ask before stored bytes are sent: while the circuit breaker is open none are, only observed."""
        reason = await self.circuit_breaker.reason()
        if reason is None:
            return None
        return Reason(
            ReasonCode.CIRCUIT_BREAKER_OPEN, f"not sent, the circuit breaker is open: {reason}"
        )
