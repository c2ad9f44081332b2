"""The arithmetic of the SLA contract, to the unit: its published vectors, its edges, its laws."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.sla.verdicts import (
    MTTR_MINUTES_MAX,
    PaymentType,
    PenaltyOverflow,
    Rating,
    RewardOverflow,
    Severity,
    SlaStatus,
    Terms,
    compute_mttr_minutes,
    compute_payable,
    judge,
)
from tests.docs.test_docs import read_document

DEFAULTS = {
    Severity.CRITICAL: Terms(15, 100, 750),
    Severity.HIGH: Terms(30, 50, 750),
    Severity.MEDIUM: Terms(60, 25, 750),
    Severity.LOW: Terms(120, 10, 600),
}
# severity: last minute of exceptional, of excellent, of good; their amounts; each minute beyond
BOUNDARIES = [
    (Severity.CRITICAL, (7, 11, 15), (1500, 1125, 750), -100),
    (Severity.HIGH, (14, 22, 30), (1500, 1125, 750), -50),
    (Severity.MEDIUM, (29, 44, 60), (1500, 1125, 750), -25),
    (Severity.LOW, (59, 89, 120), (1200, 900, 600), -10),
]
TIERS = (Rating.EXCEPTIONAL, Rating.EXCELLENT, Rating.GOOD)
promises = st.builds(Terms, st.integers(1, 1440), st.integers(1, 10_000), st.integers(1, 100_000))
minutes = st.integers(0, MTTR_MINUTES_MAX)
I128_MAX = 2**127 - 1


@pytest.mark.parametrize(("severity", "ends", "amounts", "per_minute"), BOUNDARIES)
def test_each_reward_tier_ends_at_its_minute(
    severity: Severity, ends: tuple[int, ...], amounts: tuple[int, ...], per_minute: int
) -> None:
    starts = (0, ends[0] + 1, ends[1] + 1)
    for rating, first, last, amount in zip(TIERS, starts, ends, amounts, strict=True):
        for minute in (first, last):
            verdict = judge(DEFAULTS[severity], minute)
            assert (verdict.rating, verdict.amount) == (rating, amount), minute
            assert (verdict.status, verdict.payment_type) == (SlaStatus.MET, PaymentType.REWARD)
    for beyond in (1, 2, 1000):
        verdict = judge(DEFAULTS[severity], ends[2] + beyond)
        assert (verdict.rating, verdict.amount) == (Rating.POOR, beyond * per_minute)
        assert verdict.status is SlaStatus.VIOLATED
        assert verdict.payment_type is PaymentType.PENALTY


def test_the_longest_possible_outage_is_judged() -> None:
    assert judge(DEFAULTS[Severity.CRITICAL], 2**32 - 1).amount == -429_496_728_000


@pytest.mark.parametrize(("base", "amount"), [(1, 1), (3, 4), (333, 499)])
def test_half_a_unit_is_rounded_down(base: int, amount: int) -> None:
    assert judge(Terms(100, 1, base), 60).amount == amount


def test_a_threshold_of_zero_is_met_only_by_zero_minutes() -> None:
    assert judge(Terms(0, 1, 10), 0).rating is Rating.EXCEPTIONAL
    assert judge(Terms(0, 1, 10), 1).amount == -1


@pytest.mark.parametrize("mttr", [-1, MTTR_MINUTES_MAX + 1])
def test_minutes_out_of_range_are_refused(mttr: int) -> None:
    with pytest.raises(Invalid, match="mttr_minutes: must be between") as refusal:
        judge(DEFAULTS[Severity.LOW], mttr)
    assert refusal.value.field == "mttr_minutes"


@pytest.mark.parametrize("penalty", [0, -1, I128_MAX, -I128_MAX])
def test_a_penalty_beyond_the_contract_is_error_14(penalty: int) -> None:
    with pytest.raises(PenaltyOverflow) as refusal:
        judge(Terms(1, penalty, 750), 3)
    assert refusal.value.contract_code == 14


@pytest.mark.parametrize("reward", [0, -1, I128_MAX, -I128_MAX])
def test_a_reward_beyond_the_contract_is_error_15(reward: int) -> None:
    with pytest.raises(RewardOverflow) as refusal:
        judge(Terms(10, 1, reward), 0)
    assert refusal.value.contract_code == 15


@given(promises, minutes)
def test_the_sign_of_the_amount_says_penalty_or_reward(terms: Terms, mttr: int) -> None:
    verdict = judge(terms, mttr)
    assert verdict.amount != 0
    assert (verdict.amount > 0) == (verdict.payment_type is PaymentType.REWARD)
    assert (verdict.status is SlaStatus.MET) == (mttr <= terms.threshold_minutes)
    assert (verdict.rating is Rating.POOR) == (verdict.status is SlaStatus.VIOLATED)


@given(promises, minutes)
def test_a_longer_repair_never_earns_more(terms: Terms, mttr: int) -> None:
    assert judge(terms, min(mttr + 1, MTTR_MINUTES_MAX)).amount <= judge(terms, mttr).amount


@given(promises, st.integers(0, 1440))
def test_the_tiers_follow_without_division(terms: Terms, mttr: int) -> None:
    if mttr > terms.threshold_minutes:
        return
    expected = Rating.GOOD
    if 100 * mttr < 50 * terms.threshold_minutes:
        expected = Rating.EXCEPTIONAL
    elif 100 * mttr < 75 * terms.threshold_minutes:
        expected = Rating.EXCELLENT
    assert judge(terms, mttr).rating is expected


def test_minutes_are_completed_whole_minutes() -> None:
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert compute_mttr_minutes(start, start + timedelta(minutes=15, seconds=59)) == 15
    assert compute_mttr_minutes(start, start + timedelta(minutes=16)) == 16
    assert compute_mttr_minutes(start, start + timedelta(microseconds=1)) == 0
    elsewhere = start.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert compute_mttr_minutes(elsewhere, start + timedelta(minutes=1)) == 1


def test_the_payable_amount_is_positive_and_in_stroops() -> None:
    assert compute_payable(judge(DEFAULTS[Severity.CRITICAL], 25)) == 1000 * 10_000_000
    assert compute_payable(judge(DEFAULTS[Severity.CRITICAL], 8)) == 1125 * 10_000_000


def test_an_amount_beyond_64_bits_is_refused() -> None:
    verdict = judge(Terms(1, 10_000, 100_000), MTTR_MINUTES_MAX)
    with pytest.raises(Invalid, match="more than a Stellar balance can hold"):
        compute_payable(verdict)


def test_the_page_about_verdicts_says_what_is_judged() -> None:
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", read_document("docs/verdicts.md"), re.MULTILINE)
    cells = [(Severity(name), rest.split(" | ")) for name, rest in rows if name in set(Severity)]
    terms = {severity: Terms(*map(int, rest)) for severity, rest in cells[:4]}
    assert terms == DEFAULTS
    examples = cells[4:]
    assert {rest[1] for _, rest in examples} == set(Rating)
    for severity, (minute, rating, amount) in examples:
        verdict = judge(terms[severity], int(minute))
        assert (verdict.rating, verdict.amount) == (rating, int(amount)), (severity, minute)
