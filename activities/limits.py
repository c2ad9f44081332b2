"""The gate before every signature: what a limit, a missing approval or the breaker holds, waits."""

from collections.abc import Callable
from datetime import UTC, datetime

from activities.breakers import BreakerSwitch
from adapters.postgres import adoptions
from adapters.postgres.database import Database
from domain.adoptions import ByHand
from domain.attempts import Preparation
from domain.limits import NONE, Admission, Limits, breaker_open, hold
from domain.payments import Payment
from domain.reasons import Reason, ReasonCode
from services.settlement.limits.admit_payment import admit_payment


def _now() -> datetime:
    return datetime.now(UTC)


class Gate:
    """With no limit set and the breaker closed, `hold` asks the database nothing."""

    def __init__(
        self,
        database: Database,
        allowed: Limits = NONE,
        breaker: BreakerSwitch | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.database = database
        self.allowed = allowed
        self.breaker = breaker or BreakerSwitch(database)
        self.now = now

    async def hold(self, payment: Payment) -> Preparation | None:
        """
        Ask before anything is reserved: None lets the payment go, and counts it once, on the day
        it is first let go. One that was signed before always goes on: it must be observed.
        """
        stopped = await self.breaker.reason() is not None
        if not stopped and not self.allowed.any():
            return None
        now = self.now()
        answer = await admit_payment(self.database, payment, self.allowed, now.date())
        if stopped and answer.admission is not Admission.BREAKER:
            self.breaker.forget()  # the book knows better: it was closed a moment ago
        held = hold(self.allowed, payment, answer, now)
        return None if held is None else Preparation(None, held.reason, again_at=held.again_at)

    async def by_hand(self, *payment_ids: str) -> dict[str, ByHand]:
        """Ask before new bytes are signed: who pays a payment by hand leaves nothing to be paid."""
        async with self.database.autocommit() as connection:
            made = await adoptions.by_hand(connection, payment_ids)
        return {each.payment_id: each for each in reversed(made)}

    async def pause(self) -> Preparation | None:
        """Ask before new bytes are signed: an open breaker holds those that replace dead ones too."""
        reason = await self.breaker.reason()
        if reason is None:
            return None
        held = breaker_open(reason, self.now())
        return Preparation(None, held.reason, again_at=held.again_at)

    async def silence(self) -> Reason | None:
        """Ask before stored bytes are sent: while the breaker is open none are, only observed."""
        reason = await self.breaker.reason()
        if reason is None:
            return None
        return Reason(ReasonCode.CIRCUIT_BREAKER_OPEN, f"not sent, the breaker is open: {reason}")
