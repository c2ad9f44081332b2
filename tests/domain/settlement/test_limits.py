"""A limit puts a payment on hold with a reason and the time of the next check."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.money import convert_to_stroops
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import OnHold
from domain.settlement.limits import (
    Admission,
    AdmissionResult,
    Limits,
    find_hold,
)
from domain.settlement.payments import Payment, Treasury
from domain.sla.verdicts import PaymentType

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIMITS = Limits(
    convert_to_stroops(1000),
    convert_to_stroops(5000),
    convert_to_stroops(3000),
    convert_to_stroops(500),
)
PAYMENT = Payment(
    "pay_1",
    *(7, "OUT-1", 1, PaymentType.REWARD, convert_to_stroops(1500), Treasury.POOL),
    *("GPOOL", "GPAYEE", "corr"),
)


def describe_hold(admission: Admission, detail: str = "", now: datetime = NOON) -> OnHold:
    found = find_hold(LIMITS, PAYMENT, AdmissionResult(admission, detail), now)
    assert found is not None
    return found


@pytest.mark.parametrize("admission", [Admission.ADMITTED, Admission.SIGNED])
def test_an_admitted_or_signed_payment_is_not_put_on_hold(admission: Admission) -> None:
    assert find_hold(LIMITS, PAYMENT, AdmissionResult(admission), NOON) is None


def test_the_cap_per_payment_names_both_amounts_and_the_setting() -> None:
    assert describe_hold(Admission.CAP_PER_PAYMENT).reason.sentence == (
        "1500 USDC is above the cap of 1000 USDC a payment: raise SETTLEMENT_CAP_PER_PAYMENT, "
        "or settle it outside of the engine"
    )


@pytest.mark.parametrize(("approved", "said"), [("0", "0 have approved"), ("1", "1 has approved")])
def test_the_hold_counts_the_approvals(approved: str, said: str) -> None:
    found = describe_hold(Admission.APPROVAL, approved)
    assert found.reason.sentence == f"1500 USDC waits for approval by 2 people, {said}"
    assert found.check_at == NOON + timedelta(minutes=10)


def test_an_open_circuit_breaker_is_checked_again_within_a_minute() -> None:
    found = describe_hold(Admission.CIRCUIT_BREAKER, "something is odd")
    why = Reason(ReasonCode.CIRCUIT_BREAKER_OPEN, "the circuit breaker is open: something is odd")
    assert found == OnHold(why, NOON + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("admission", "setting", "whose"),
    [
        (Admission.CAP_PER_DAY, "SETTLEMENT_CAP_PER_DAY", "5000 USDC a day from GPOOL"),
        (
            Admission.CAP_PER_PAYEE_PER_DAY,
            "SETTLEMENT_CAP_PER_PAYEE_PER_DAY",
            "3000 USDC a day to GPAYEE",
        ),
    ],
)
def test_a_used_up_day_is_checked_again_at_midnight(
    admission: Admission, setting: str, whose: str
) -> None:
    found = describe_hold(admission)
    assert found.reason.sentence == (
        f"the cap of {whose} is used up for 2026-01-31; "
        f"it goes on tomorrow (UTC), or when {setting} is raised"
    )
    assert found.check_at == NOON + timedelta(hours=1)
    late = datetime(2026, 1, 31, 23, 40, tzinfo=UTC)
    assert describe_hold(admission, now=late).check_at == datetime(2026, 2, 1, 0, 0, 5, tzinfo=UTC)


def test_a_payment_above_the_cap_per_day_is_not_put_off_to_tomorrow() -> None:
    small = replace(LIMITS, cap_per_day=convert_to_stroops(1200))
    found = find_hold(small, PAYMENT, AdmissionResult(Admission.CAP_PER_DAY), NOON)
    assert found is not None
    assert found.reason.sentence == (
        "1500 USDC is more than the cap of 1200 USDC a day from GPOOL: raise SETTLEMENT_CAP_PER_DAY"
    )


def test_any_single_limit_counts_as_limits() -> None:
    assert not Limits().any()
    for name in ("cap_per_payment", "cap_per_day", "cap_per_payee_per_day", "approval_above"):
        assert Limits(**{name: 1}).any()
