"""
Limits: caps per payment, per day and per payee and day, and what needs approval.

A payment that a limit stops is on hold: nothing is wrong with it, and nothing is reserved or signed
for it until the limit lets it pass.
"""

from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from domain.money import convert_to_stroops, format_amount
from domain.reasons import Reason, ReasonCode
from domain.settlement.approvals import APPROVERS
from domain.settlement.attempts import OnHold
from domain.settlement.payments import Payment

DAY = timedelta(days=1)
# So much is never paid without people, whatever the settings are: 1,000,000 USDC.
APPROVAL_ALWAYS_ABOVE = convert_to_stroops(1_000_000)
# A person who has changed something sends `retry`; without it, this is how long it takes.
LOOK_AGAIN = timedelta(hours=1)
APPROVAL_LOOK_AGAIN = timedelta(minutes=10)
CIRCUIT_BREAKER_RECHECK = timedelta(minutes=1)
UNREAD_RECHECK = timedelta(seconds=5)
UNCLAIMED_RECHECK = timedelta(seconds=3)
# Clocks of two machines differ; a look just before midnight would wait for another hour.
PAST_MIDNIGHT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Spending:
    """What an account has paid, or was paid, on a day."""

    account: str
    spent_stroops: int


@dataclass(frozen=True, slots=True)
class Limits:
    """All in stroops; None is no limit. Days are UTC days."""

    cap_per_payment: int | None = None
    cap_per_day: int | None = None
    cap_per_payee_per_day: int | None = None
    approval_above: int | None = None
    # What stated minutes may change of a debt, against measured ones, without a second person.
    approval_above_stated: int | None = None

    def any(self) -> bool:
        return any(limit is not None for limit in astuple(self))

    def require_people(self) -> "Limits":
        """Return these limits with an approval for what people always decide on."""
        above = self.approval_above
        bound = APPROVAL_ALWAYS_ABOVE if above is None else min(above, APPROVAL_ALWAYS_ABOVE)
        return replace(self, approval_above=bound)


NO_LIMITS = Limits()


def find_ceiling(limits: Limits) -> int | None:
    """Return the stroops above which no approval and no other day lets a payment go; None where nothing does."""
    caps = (limits.cap_per_payment, limits.cap_per_day, limits.cap_per_payee_per_day)
    return min((cap for cap in caps if cap is not None), default=None)


class Admission(StrEnum):
    """The answer to a payment that asks to be signed."""

    ADMITTED = "admitted"
    SIGNED = "signed"  # too late to ask: its bytes may be on their way
    CIRCUIT_BREAKER = "circuit_breaker"
    CAP_PER_PAYMENT = "cap_per_payment"
    APPROVAL = "approval"
    SECOND_PERSON = "second_person"
    CAP_PER_DAY = "cap_per_day"
    CAP_PER_PAYEE_PER_DAY = "cap_per_payee_per_day"


@dataclass(frozen=True, slots=True)
class AdmissionResult:
    """
    `detail` is the reason of an open circuit breaker, or how many have approved, or how many stroops stated
    minutes change.
    """

    admission: Admission
    detail: str = ""


def hold_while_open(reason: str, now: datetime) -> OnHold:
    sentence = f"the circuit breaker is open: {reason}"
    return OnHold(Reason(ReasonCode.CIRCUIT_BREAKER_OPEN, sentence), now + CIRCUIT_BREAKER_RECHECK)


def hold_while_unread(sentence: str, now: datetime) -> OnHold:
    return OnHold(Reason(ReasonCode.CHAIN_UNREAD, sentence), now + UNREAD_RECHECK)


def hold_while_unclaimed(sentence: str, now: datetime) -> OnHold:
    return OnHold(Reason(ReasonCode.CLAIM_UNCONFIRMED, sentence), now + UNCLAIMED_RECHECK)


def find_hold(
    limits: Limits, payment: Payment, answer: AdmissionResult, now: datetime
) -> OnHold | None:
    """Return what holds a payment; None when it may go, or has gone."""
    match answer.admission:
        case Admission.ADMITTED | Admission.SIGNED:
            return None
        case Admission.CIRCUIT_BREAKER:
            return hold_while_open(answer.detail, now)
        case Admission.APPROVAL:
            sentence = describe_approvals(payment, int(answer.detail))
            return OnHold(Reason(ReasonCode.APPROVAL_REQUIRED, sentence), now + APPROVAL_LOOK_AGAIN)
        case Admission.SECOND_PERSON:
            sentence = (
                f"{_format_usdc(payment.amount_stroops)} waits for approval by a second person: the minutes that "
                f"were stated change it by {_format_usdc(int(answer.detail))}, against the measured ones"
            )
            code = ReasonCode.SECOND_PERSON_REQUIRED
            return OnHold(Reason(code, sentence), now + APPROVAL_LOOK_AGAIN)
        case Admission.CAP_PER_PAYMENT:
            assert limits.cap_per_payment is not None
            sentence = (
                f"{_format_usdc(payment.amount_stroops)} is above the cap of "
                f"{_format_usdc(limits.cap_per_payment)} a payment: raise SETTLEMENT_CAP_PER_PAYMENT, "
                "or settle it outside of the engine"
            )
            return OnHold(Reason(ReasonCode.CAP_PER_PAYMENT, sentence), now + LOOK_AGAIN)
        case Admission.CAP_PER_DAY:
            from_ = f"from {payment.from_address}"
            code, name = ReasonCode.CAP_PER_DAY, "SETTLEMENT_CAP_PER_DAY"
            return _hold_for_day(payment, limits.cap_per_day, from_, code, name, now)
        case Admission.CAP_PER_PAYEE_PER_DAY:
            cap, name = limits.cap_per_payee_per_day, "SETTLEMENT_CAP_PER_PAYEE_PER_DAY"
            code, to = ReasonCode.CAP_PER_PAYEE_PER_DAY, f"to {payment.to_address}"
            return _hold_for_day(payment, cap, to, code, name, now)


def describe_approvals(payment: Payment, approved: int, needed: int = APPROVERS) -> str:
    """Say how far the approval of a payment has come; one that all have approved is about to go on."""
    if approved >= needed:
        return (
            f"{_format_usdc(payment.amount_stroops)} is approved by {approved} people, and goes on"
        )
    has = "has" if approved == 1 else "have"
    return (
        f"{_format_usdc(payment.amount_stroops)} waits for approval by {needed} people, "
        f"{approved} {has} approved"
    )


def _hold_for_day(
    payment: Payment, cap: int | None, whose: str, code: ReasonCode, name: str, now: datetime
) -> OnHold:
    assert cap is not None
    if payment.amount_stroops > cap:  # no other day helps
        sentence = (
            f"{_format_usdc(payment.amount_stroops)} is more than the cap of {_format_usdc(cap)} a day {whose}: "
            f"raise {name}"
        )
        return OnHold(Reason(code, sentence), now + LOOK_AGAIN)
    sentence = (
        f"the cap of {_format_usdc(cap)} a day {whose} is used up for {now.astimezone(UTC).date()}; "
        f"it goes on tomorrow (UTC), or when {name} is raised"
    )
    return OnHold(
        Reason(code, sentence), min(now + LOOK_AGAIN, _find_next_midnight(now) + PAST_MIDNIGHT)
    )


def _find_next_midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + DAY, time(), UTC)


def _format_usdc(amount_stroops: int) -> str:
    return f"{format_amount(amount_stroops)} USDC"
