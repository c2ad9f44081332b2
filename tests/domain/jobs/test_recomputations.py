"""A verdict is compared with the one that follows today, or with the reason why none does."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.jobs.recomputations import JudgedOutage, recompute_judged
from domain.sla.verdicts import RecordedVerdict, Severity, Terms, judge

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
TERMS = Terms(15, 100, 750)


def make_judged(minutes: int, basis: str, measured: float, terms: Terms = TERMS) -> JudgedOutage:
    """An outage judged by `minutes`, whose times say `measured` minutes today."""
    verdict = judge(TERMS, minutes)
    recorded = RecordedVerdict(
        *("OUT-1", 1, Severity.CRITICAL, verdict, basis, "standard", 1, AT, "pay_1")
    )
    return JudgedOutage(AT, AT + timedelta(minutes=measured), recorded, terms)


@pytest.mark.parametrize(
    ("judged", "equal"),
    [
        (make_judged(25, "measured", 25.9), True),
        (make_judged(25, "measured", 26), False),
        (make_judged(25, "stated", 90), True),
        (make_judged(25, "measured", 25, Terms(15, 101, 750)), False),
    ],
)
def test_minutes_that_were_measured_are_measured_again_and_others_are_taken(
    judged: JudgedOutage, equal: bool
) -> None:
    found = recompute_judged(judged)
    assert (found.equal, found.describe()["equal"], found.problem) == (equal, equal, None)


def test_where_no_verdict_follows_the_report_says_why() -> None:
    found = recompute_judged(make_judged(25, "measured", -1))
    assert (found.equal, found.recomputed) == (False, None)
    assert found.describe()["problem"].startswith("mttr_minutes: must be between 0 and")
    assert found.describe()["recorded"]["amount_stroops"] == "-10000000000"
