"""Admission of a payment: the order of its checks, and the day it counts for."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.settlement.admissions import (
    AdmissionCase,
    Authorisation,
    Charge,
    Spent,
    check_alone,
    check_day,
    choose_day,
    compute_charges,
)
from domain.settlement.limits import (
    NO_LIMITS,
    Admission,
    AdmissionResult,
    Limits,
)
from domain.settlement.payments import Payment, PaymentStatus, Treasury
from domain.sla.verdicts import PaymentType

TODAY = date(2026, 11, 29)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
PAYMENT = Payment(
    "pay_1", 1, "OUT-1", 1, PaymentType.PENALTY, 100, Treasury.BOND, "GBOND", "GPAYEE", "corr"
)
FREE = AdmissionCase(PaymentStatus.PENDING, None, 0, None)


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_payment_signed_before_is_admitted_unchecked(status: PaymentStatus) -> None:
    """It is observed, whatever the circuit breaker and the limits say."""
    case = replace(FREE, status=status, circuit_breaker="stop")
    waits = status in (PaymentStatus.PENDING, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED)
    expected = (
        AdmissionResult(Admission.CIRCUIT_BREAKER, "stop")
        if waits
        else AdmissionResult(Admission.SIGNED)
    )
    assert check_alone(Limits(cap_per_payment=1), PAYMENT, case) == expected


def test_circuit_breaker_cap_and_approvals_are_checked_in_this_order() -> None:
    tight = Limits(cap_per_payment=99, approval_above=99)
    assert check_alone(tight, PAYMENT, replace(FREE, circuit_breaker="why")) == AdmissionResult(
        Admission.CIRCUIT_BREAKER, "why"
    )
    assert check_alone(tight, PAYMENT, FREE) == AdmissionResult(Admission.CAP_PER_PAYMENT)
    wider = replace(tight, cap_per_payment=100)
    assert check_alone(wider, PAYMENT, replace(FREE, approvers=1)) == AdmissionResult(
        Admission.APPROVAL, "1"
    )
    assert check_alone(wider, PAYMENT, replace(FREE, approvers=2)) is None
    assert check_alone(Limits(cap_per_payment=100, approval_above=100), PAYMENT, FREE) is None
    assert check_alone(NO_LIMITS, PAYMENT, FREE) is None


def test_a_payment_counts_for_the_later_of_two_days() -> None:
    assert choose_day(TODAY, None) == TODAY
    assert choose_day(TODAY, Authorisation(YESTERDAY, "GPAYEE")) == TODAY
    assert choose_day(TODAY, Authorisation(TOMORROW, "GPAYEE")) == TOMORROW


def test_the_first_admission_charges_payer_and_payee() -> None:
    assert compute_charges(PAYMENT, TODAY, None) == [
        Charge(TODAY, "payer", "GBOND", 100),
        Charge(TODAY, "payee", "GPAYEE", 100),
    ]


def test_a_second_admission_on_the_same_day_counts_once() -> None:
    assert compute_charges(PAYMENT, TODAY, Authorisation(TODAY, "GPAYEE")) == []


def test_an_admission_on_a_later_day_refunds_the_earlier_day() -> None:
    moved = compute_charges(PAYMENT, TODAY, Authorisation(YESTERDAY, "GBEFORE"))
    assert moved == [
        Charge(TODAY, "payer", "GBOND", 100),
        Charge(TODAY, "payee", "GPAYEE", 100),
        Charge(YESTERDAY, "payer", "GBOND", -100),
        Charge(YESTERDAY, "payee", "GBEFORE", -100),
    ]
    assert sum(charge.stroops for charge in moved) == 0


def test_a_changed_payee_is_charged_on_the_same_day() -> None:
    """What the payee before was counted for stays: a cap is never widened by a change of address."""
    moved = compute_charges(PAYMENT, TODAY, Authorisation(TODAY, "GBEFORE"))
    assert moved == [Charge(TODAY, "payee", "GPAYEE", 100)]
    # The treasury has paid nothing more, so its cap is not asked again.
    full = Limits(cap_per_day=100, cap_per_payee_per_day=100)
    assert check_day(full, Spent(100, 0), moved, TODAY) is None
    assert check_day(full, Spent(100, 1), moved, TODAY) == AdmissionResult(
        Admission.CAP_PER_PAYEE_PER_DAY
    )


def test_a_cap_may_be_reached_and_never_exceeded() -> None:
    capped = Limits(cap_per_day=300, cap_per_payee_per_day=200)
    moved = compute_charges(PAYMENT, TODAY, None)
    assert check_day(capped, Spent(200, 100), moved, TODAY) is None
    assert check_day(capped, Spent(201, 0), moved, TODAY) == AdmissionResult(Admission.CAP_PER_DAY)
    assert check_day(capped, Spent(0, 101), moved, TODAY) == AdmissionResult(
        Admission.CAP_PER_PAYEE_PER_DAY
    )
    assert check_day(NO_LIMITS, Spent(10**30, 10**30), moved, TODAY) is None


def test_a_refund_to_the_day_before_makes_no_room_today() -> None:
    moved = compute_charges(PAYMENT, TODAY, Authorisation(YESTERDAY, "GPAYEE"))
    assert check_day(Limits(cap_per_day=100), Spent(1, 0), moved, TODAY) == AdmissionResult(
        Admission.CAP_PER_DAY
    )
