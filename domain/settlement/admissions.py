"""
Admissions: whether a payment may leave, by the circuit breaker, the caps and the approvals, in this order.

A payment that is admitted counts for a day and a payee once. It counts anew when it is admitted on a
later day, and never for an earlier one again: the clocks of two workers may lie astride midnight.
"""

from dataclasses import dataclass
from datetime import date

from domain.settlement.approvals import APPROVERS, UNSIGNED, count_required
from domain.settlement.limits import Admission, AdmissionResult, Limits
from domain.settlement.payments import Payment, PaymentStatus


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The admission of a payment: its day, and the payee's address."""

    day: date
    payee: str


@dataclass(frozen=True, slots=True)
class AdmissionCase:
    """
    All that decides on a payment, besides what others have spent. `circuit_breaker` is why it is
    open, None while it is closed; `approvers` are those of the payment as it stands, but for one who may be
    its maker, where a maker is unverified.
    """

    status: PaymentStatus
    circuit_breaker: str | None
    approvers: int
    authorised: Authorisation | None
    # By how much stated minutes change what is owed, against the measured ones.
    difference_stroops: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a day has seen leave from the payment's treasury, and to its payee; in stroops."""

    from_payer: int
    to_payee: int


@dataclass(frozen=True, slots=True)
class Charge:
    """Stroops that a day's sum grows by on one side; fewer than none where they count elsewhere now."""

    day: date
    side: str  # payer or payee
    account: str
    stroops: int


def check_alone(limits: Limits, payment: Payment, case: AdmissionCase) -> AdmissionResult | None:
    """Return what stops a payment whatever else leaves on the day; None when nothing does."""
    if case.status not in UNSIGNED:
        return AdmissionResult(Admission.SIGNED)
    if case.circuit_breaker is not None:
        return AdmissionResult(Admission.CIRCUIT_BREAKER, case.circuit_breaker)
    if _exceeds(payment.amount_stroops, limits.cap_per_payment):
        return AdmissionResult(Admission.CAP_PER_PAYMENT)
    above, above_stated = limits.approval_above, limits.approval_above_stated
    required = count_required(payment, case.difference_stroops, above, above_stated)
    if case.approvers >= required:
        return None
    if required == APPROVERS:
        return AdmissionResult(Admission.APPROVAL, str(case.approvers))
    return AdmissionResult(Admission.SECOND_PERSON, str(case.difference_stroops))


def choose_day(today: date, authorised: Authorisation | None) -> date:
    """Return the day that a payment counts for, once it is admitted today."""
    return today if authorised is None else max(today, authorised.day)


def compute_charges(payment: Payment, day: date, authorised: Authorisation | None) -> list[Charge]:
    """Return how the sums move when a payment is admitted; nothing when it is counted so already."""
    amount, payer, payee = payment.amount_stroops, payment.from_address, payment.to_address
    anew = authorised is None or authorised.day != day
    moved: list[Charge] = []
    if anew:
        moved.append(Charge(day, "payer", payer, amount))
    if anew or (authorised is not None and authorised.payee != payee):
        moved.append(Charge(day, "payee", payee, amount))
    if authorised is not None and anew:
        moved.append(Charge(authorised.day, "payer", payer, -amount))
        moved.append(Charge(authorised.day, "payee", authorised.payee, -amount))
    return moved


def check_day(
    limits: Limits, spent: Spent, moved: list[Charge], day: date
) -> AdmissionResult | None:
    """Return which cap of the day the payment would break; None when it fits."""
    more = {charge.side: charge.stroops for charge in moved if charge.day == day}
    if "payer" in more and _exceeds(spent.from_payer + more["payer"], limits.cap_per_day):
        return AdmissionResult(Admission.CAP_PER_DAY)
    if "payee" in more and _exceeds(spent.to_payee + more["payee"], limits.cap_per_payee_per_day):
        return AdmissionResult(Admission.CAP_PER_PAYEE_PER_DAY)
    return None


def _exceeds(stroops: int, limit: int | None) -> bool:
    return limit is not None and stroops > limit
