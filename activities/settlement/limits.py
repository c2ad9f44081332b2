"""
The gate before every signature: limits, approvals, the circuit breaker, an unread chain and a claim that is not
confirmed put payments on hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.networks import ChainReadings
from activities.settlement.channels import ChannelClaim
from activities.settlement.circuit_breakers import CircuitBreaker
from activities.settlement.manual_matches import TransferSearch
from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions
from domain.errors import ChainUnavailable
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import OnHold
from domain.settlement.limits import (
    CIRCUIT_BREAKER_RECHECK,
    NO_LIMITS,
    Admission,
    Limits,
    find_hold,
    hold_while_open,
    hold_while_unclaimed,
    hold_while_unread,
)
from domain.settlement.manual_matches import OutOfBandTransfer
from domain.settlement.payments import Payment, PaymentRecord
from services.settlement.checks.read_payment import read_signable
from services.settlement.limits.admit_payment import admit_payment
from services.settlement.payments.read_receipt import read_is_unsigned


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SigningCheck:
    """How a payment stands before its signature: what stops it, and whether a transfer on the chain may be it."""

    record: PaymentRecord
    hold: OnHold | None
    may_be_made: bool


class SigningGate:
    """
    With no limit set, the circuit breaker closed, the chain read and the claim confirmed, `find_hold` does not ask
    the database.

    `readings` says how far the transfers on the chain are read, and `claim` whether the channels are this
    engine's; the settlement worker always has both. With `nets`, payments are or were netted here.
    `passphrase` is the network's, which numbers of forgotten decisions are derived for.
    """

    def __init__(
        self,
        database: Database,
        allowed: Limits = NO_LIMITS,
        circuit_breaker: CircuitBreaker | None = None,
        now: Callable[[], datetime] = _now,
        readings: ChainReadings | None = None,
        claim: ChannelClaim | None = None,
        *,
        nets: bool = False,
        passphrase: str = "",
    ) -> None:
        self.database = database
        self.allowed = allowed
        self.circuit_breaker = circuit_breaker or CircuitBreaker(database)
        self.now = now
        self.pause_reason: Reason | None = None
        self.readings = readings
        self.claim = claim
        self.nets = nets
        self.transfers = TransferSearch(database, passphrase)

    @property
    def may_net(self) -> bool:
        """Whether a payment may have been made under the number of another; a forgetful database cannot rule it out."""
        return self.nets or (self.readings is not None and self.readings.is_forgetful)

    def hold(self, reason: Reason | None) -> None:
        """Let nothing be signed or sent for this reason, until it is None."""
        self.pause_reason = reason

    async def find_hold(self, payment: Payment) -> OnHold | None:
        """
        Check a payment before anything is reserved. None admits it, and counts it on the day it is
        first admitted. A payment that was signed before is always admitted: it must be observed.
        """
        stopped = await self.circuit_breaker.reason() is not None
        if not stopped and (unproven := await self._find_unproven_of(payment)) is not None:
            # One with bytes of its own is observed, whatever is read of others.
            return unproven if await read_is_unsigned(self.database, payment.id) else None
        if not stopped and not self.allowed.any():
            return None
        now = self.now()
        answer = await admit_payment(self.database, payment, self.allowed, now.date())
        if stopped and answer.admission is not Admission.CIRCUIT_BREAKER:
            self.circuit_breaker.forget()  # the database knows better: it was closed a moment ago
        return find_hold(self.allowed, payment, answer, now)

    async def find_holds_again(self, payments: Sequence[Payment]) -> dict[str, OnHold]:
        """
        Check payments once more after the reservation, and return the holds by payment. One read
        tells which are admitted as they stand; the others are asked one by one.
        """
        if not self.allowed.any():
            return {}
        today = self.now().date()
        async with self.database.autocommit() as connection:
            kept = await admissions.list_admitted(connection, payments, self.allowed, today)
        asked = [payment for payment in payments if payment.id not in kept]
        found = {payment.id: await self.find_hold(payment) for payment in asked}
        return {payment_id: hold for payment_id, hold in found.items() if hold is not None}

    async def check_again(self, payment: Payment) -> SigningCheck:
        """Check a payment once more after its reservation, and after the chain was read."""
        today = self.now().date()
        others = await self.transfers.list_other_numbers(payment)
        found = await read_signable(self.database, payment, self.allowed, today, others)
        admitted = found.admitted or not self.allowed.any()
        hold = None if admitted else await self.find_hold(payment)
        return SigningCheck(found.record, hold, found.named or self.may_net)

    async def find_out_of_band(self, *payments: Payment) -> dict[str, OutOfBandTransfer]:
        """Return the out-of-band transfers of payments, by payment; nothing is signed for those."""
        return await self.transfers.find(payments, nets=self.nets, may_net=self.may_net)

    async def pause(self, *, after_failure: bool = False) -> OnHold | None:
        """
        Check right before a signature: an open circuit breaker, an unread chain or a claim that is not confirmed
        stops also what was admitted.

        `after_failure` is for bytes that follow an attempt without effect: only after all that has closed
        by now is read, since the nodes that called it failed may be wrong.
        """
        if self.pause_reason is not None:
            return OnHold(self.pause_reason, self.now() + CIRCUIT_BREAKER_RECHECK)
        reason = await self.circuit_breaker.reason()
        if reason is not None:
            return hold_while_open(reason, self.now())
        return await self._find_unproven(after_failure=after_failure)

    async def require_claim(self) -> None:
        """Check that bytes just signed may be stored. Raises ChainUnavailable when the claim is not confirmed."""
        if self.claim is not None and (unconfirmed := await self.claim.find_unconfirmed()):
            raise ChainUnavailable(f"{unconfirmed}; what was signed is thrown away")

    async def _find_unproven(self, *, after_failure: bool = False) -> OnHold | None:
        if self.claim is not None and (unconfirmed := await self.claim.find_unconfirmed()):
            return hold_while_unclaimed(unconfirmed, self.now())
        if self.readings is None:
            return None
        unread = await self.readings.find_unread()
        if unread is None and after_failure:
            unread = await self.readings.find_unread_by_now()
        return None if unread is None else hold_while_unread(unread, self.now())

    async def _find_unproven_of(self, payment: Payment) -> OnHold | None:
        """The same, and that the treasury of a payment is read as far as the others."""
        if (unproven := await self._find_unproven()) is not None or self.readings is None:
            return unproven
        unread = await self.readings.find_unread_of(payment.from_address)
        return None if unread is None else hold_while_unread(unread, self.now())

    async def has_read(self, ledger: int) -> bool:
        """Tell whether every transfer up to a ledger is known by now."""
        return self.readings is None or await self.readings.has_read(ledger)

    async def get_signing_obstacle(self, *, after_failure: bool = False) -> Reason | None:
        """Check before anything is signed for a batch."""
        if (obstacle := await self.get_send_obstacle()) is not None:
            return obstacle
        unproven = await self._find_unproven(after_failure=after_failure)
        return None if unproven is None else unproven.reason

    async def get_send_obstacle(self) -> Reason | None:
        """Check before stored bytes are sent: while the circuit breaker is open, they are only observed."""
        if self.pause_reason is not None:
            return self.pause_reason
        reason = await self.circuit_breaker.reason()
        if reason is None:
            return None
        return Reason(
            ReasonCode.CIRCUIT_BREAKER_OPEN, f"not sent, the circuit breaker is open: {reason}"
        )
