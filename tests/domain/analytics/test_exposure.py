"""What runs is exposed to what it would owe now, and a forecast says nothing of a period that has only begun."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from domain.analytics.exposure import RunningOutage, compute_exposure, make_forecast
from domain.analytics.periods import Bucket
from domain.money import STROOPS_MAX
from domain.sla.verdicts import Severity, Terms

USDC = 10_000_000
TERMS = Terms(threshold_minutes=15, penalty_per_minute=100, reward_base=750)
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING = RunningOutage("OUT-1", "Mast 7", None, Severity.CRITICAL, "default", BEGAN, TERMS)
MARCH = Bucket(date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def minutes(n: float) -> datetime:
    return BEGAN + timedelta(minutes=n)


def test_it_crosses_with_the_first_whole_minute_beyond_the_threshold() -> None:
    assert RUNNING.crosses_at == minutes(16)
    before, after = (compute_exposure([RUNNING], minutes(n)) for n in (15.999, 16))
    assert (before.crossed, before.penalties_stroops, before.rewards_stroops) == (0, 0, 750 * USDC)
    assert (after.crossed, after.penalties_stroops, after.rewards_stroops) == (1, 100 * USDC, 0)


def test_what_owes_most_comes_first_and_then_what_crosses_next() -> None:
    later = replace(RUNNING, id="OUT-2", detected_at=minutes(20))
    sooner = replace(later, id="OUT-3", detected_at=minutes(18))
    worst = replace(RUNNING, id="OUT-0", detected_at=minutes(-30))
    found = compute_exposure([later, RUNNING, sooner, worst], minutes(21))
    assert [each.outage.id for each in found.outages] == ["OUT-0", "OUT-1", "OUT-3", "OUT-2"]
    assert found.penalties_stroops == (36 + 6) * 100 * USDC
    assert found.rewards_stroops == 2 * 1500 * USDC


def test_what_will_be_detected_later_has_run_for_no_minute() -> None:
    (found,) = compute_exposure([RUNNING], minutes(-10)).outages
    assert (found.minutes, found.crossed, found.amount_stroops) == (0, False, 1500 * USDC)


def test_more_than_a_balance_can_hold_is_all_that_it_can() -> None:
    dear = replace(RUNNING, terms=Terms(15, 2**127, 750))
    assert compute_exposure([dear], minutes(100)).penalties_stroops == STROOPS_MAX


def test_a_forecast_is_the_rate_so_far_over_the_whole_period() -> None:
    at = MARCH.since + timedelta(days=15, hours=12)  # the half of it
    running = replace(RUNNING, detected_at=at - timedelta(minutes=25))
    older = replace(RUNNING, id="OUT-2", detected_at=MARCH.since - timedelta(minutes=1))
    found = make_forecast(MARCH, [running, older], 500 * USDC, at)
    assert found.exposure_stroops == 1000 * USDC
    assert found.projected_stroops == 2 * 1500 * USDC
    left = (MARCH.until - running.detected_at) // timedelta(minutes=1)
    assert found.unrepaired_stroops == (500 + (left - 15) * 100) * USDC


def test_of_a_period_that_has_only_begun_nothing_follows() -> None:
    just, later = (
        make_forecast(MARCH, [], 500 * USDC, MARCH.since + timedelta(minutes=n)) for n in (59, 60)
    )
    assert just.projected_stroops is None
    assert later.projected_stroops == 500 * USDC * 31 * 24
