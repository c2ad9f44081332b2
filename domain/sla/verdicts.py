"""
Verdicts: what an outage costs, or earns, under the service level agreement.

The arithmetic is that of the SLA calculator contract, bit for bit: all integers, one floor.
Amounts here are whole units of the asset (the contract knows no decimals); `domain.money`
turns them into stroops. A reward is positive, a penalty negative, nothing is zero.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.errors import Invalid
from domain.money import STROOPS_MAX, convert_to_stroops

MTTR_MINUTES_MAX = 2**32 - 1
_I128_MIN, _I128_MAX = -(2**127), 2**127 - 1


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class SlaStatus(StrEnum):
    MET = "met"
    VIOLATED = "violated"


class PaymentType(StrEnum):
    REWARD = "reward"
    PENALTY = "penalty"


class Rating(StrEnum):
    EXCEPTIONAL = "exceptional"
    EXCELLENT = "excellent"
    GOOD = "good"
    POOR = "poor"


class PenaltyOverflow(Invalid):
    """Contract error 14: the penalty is not a negative 128-bit integer."""

    contract_code = 14


class RewardOverflow(Invalid):
    """Contract error 15: the reward is not a positive 128-bit integer."""

    contract_code = 15


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one severity: whole minutes, whole units of the asset."""

    threshold_minutes: int
    penalty_per_minute: int
    reward_base: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one outage; `amount` is signed, in whole units."""

    status: SlaStatus
    payment_type: PaymentType
    rating: Rating
    mttr_minutes: int
    threshold_minutes: int
    amount: int

    @property
    def amount_stroops(self) -> int:
        return convert_to_stroops(self.amount)

    def __str__(self) -> str:
        return f"SLA {self.status} ({self.rating}): {self.payment_type} of {abs(self.amount)} USDC"


def compute_mttr_minutes(detected_at: datetime, resolved_at: datetime) -> int:
    """Return the completed whole minutes between two instants."""
    return (resolved_at - detected_at) // timedelta(minutes=1)


def judge(terms: Terms, mttr: int) -> Verdict:
    """Decide who owes whom for an outage repaired in `mttr` whole minutes."""
    if not 0 <= mttr <= MTTR_MINUTES_MAX:
        raise Invalid("mttr_minutes", f"must be between 0 and {MTTR_MINUTES_MAX}, not {mttr}")
    if mttr > terms.threshold_minutes:
        return _judge_violated(terms, mttr)
    return _judge_met(terms, mttr)


def _judge_violated(terms: Terms, mttr: int) -> Verdict:
    owed = (mttr - terms.threshold_minutes) * terms.penalty_per_minute
    if not _I128_MIN <= owed <= _I128_MAX or not _I128_MIN <= -owed < 0:
        raise PenaltyOverflow("mttr_minutes", "the penalty is not a negative 128-bit integer")
    return Verdict(
        SlaStatus.VIOLATED,
        PaymentType.PENALTY,
        Rating.POOR,
        mttr,
        terms.threshold_minutes,
        -owed,
    )


def _judge_met(terms: Terms, mttr: int) -> Verdict:
    # A threshold of 0 is only ever met by 0 minutes, which is the top of the scale.
    used_percent = mttr * 100 // terms.threshold_minutes if terms.threshold_minutes else 0
    if used_percent < 50:
        multiplier, rating = 200, Rating.EXCEPTIONAL
    elif used_percent < 75:
        multiplier, rating = 150, Rating.EXCELLENT
    else:
        multiplier, rating = 100, Rating.GOOD
    scaled = terms.reward_base * multiplier
    if not _I128_MIN <= scaled <= _I128_MAX or scaled // 100 <= 0:
        raise RewardOverflow("reward_base", "the reward is not a positive 128-bit integer")
    return Verdict(
        SlaStatus.MET, PaymentType.REWARD, rating, mttr, terms.threshold_minutes, scaled // 100
    )


def compute_payable(verdict: Verdict) -> int:
    """Return the stroops to move for a verdict, always positive; refuse what no balance can hold."""
    amount = abs(verdict.amount_stroops)
    if amount > STROOPS_MAX:
        raise Invalid(
            "mttr_minutes",
            f"{verdict.mttr_minutes} minutes would owe {abs(verdict.amount)} units, "
            "more than a Stellar balance can hold; check the times",
        )
    return amount


def compute_difference(terms: Terms, verdict: Verdict, measured: int | None) -> int:
    """Return the stroops by which a verdict differs from that of the measured minutes, if there are any."""
    if measured is None:
        return 0
    try:
        by_measure = judge(terms, measured).amount_stroops
    except Invalid:  # minutes that cannot be judged differ by all there is
        return STROOPS_MAX
    return min(abs(verdict.amount_stroops - by_measure), STROOPS_MAX)


@dataclass(frozen=True, slots=True)
class MttrBasis:
    """
    What the minutes of a verdict rest on: measured, stated or decided. `measured_minutes` are those of the
    clock, and `difference_stroops` is how much what is owed differs from what they would owe.
    """

    name: str
    measured_minutes: int | None = None
    difference_stroops: int = 0


@dataclass(frozen=True, slots=True)
class RecordedVerdict:
    """A revision of the verdict on an outage, and what it rests on: `mttr_basis` is measured, stated or decided."""

    outage_id: str
    revision: int
    severity: Severity
    verdict: Verdict
    mttr_basis: str
    policy: str
    policy_version: int
    judged_at: datetime
    payment_id: str | None
    measured_minutes: int | None = None
    difference_stroops: int = 0


def recompute(
    recorded: RecordedVerdict, terms: Terms, detected_at: datetime, resolved_at: datetime | None
) -> Verdict:
    """Judge again what a verdict on record rests on: minutes that were measured are measured anew."""
    minutes = recorded.verdict.mttr_minutes
    if recorded.mttr_basis == "measured":
        assert resolved_at is not None
        minutes = compute_mttr_minutes(detected_at, resolved_at)
    return judge(terms, minutes)
