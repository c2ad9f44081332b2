"""Each day of a trend is there once, in its order, whatever was found."""

from datetime import UTC, date, datetime

import pytest

from domain.errors import Invalid
from domain.sla.analytics import DAYS_MAX, DayTotals, Totals, choose_days, fill_days

NOW = datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 28, tzinfo=UTC)


def test_days_without_a_verdict_are_filled_in_over_the_end_of_a_month() -> None:
    found = DayTotals(date(2026, 2, 28), Totals(1, 1, 0, 10, 5))
    filled = fill_days(date(2026, 2, 27), date(2026, 3, 2), [found])
    assert [each.day.isoformat() for each in filled] == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
        "2026-03-02",
    ]
    assert [each.totals.outages for each in filled] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("since", "until", "days", "expected"),
    [
        (None, None, None, (date(2026, 2, 23), date(2026, 3, 1))),
        (None, None, 1, (date(2026, 3, 1), date(2026, 3, 1))),
        (MIDNIGHT, None, None, (date(2026, 2, 28), date(2026, 3, 1))),
        # The bound is exclusive: midnight leaves nothing of its day.
        (None, MIDNIGHT, 2, (date(2026, 2, 26), date(2026, 2, 27))),
        (MIDNIGHT, NOW, 90, (date(2026, 2, 28), date(2026, 3, 1))),
    ],
)
def test_the_days_are_those_that_are_asked_for(
    since: datetime | None,
    until: datetime | None,
    days: int | None,
    expected: tuple[date, date],
) -> None:
    assert choose_days(since, until, days, NOW) == expected


def test_too_many_days_and_none_are_refused() -> None:
    with pytest.raises(Invalid, match="after the last day"):
        choose_days(NOW, MIDNIGHT, None, NOW)
    with pytest.raises(Invalid, match=f"at most {DAYS_MAX} days"):
        choose_days(datetime(2000, 1, 1, tzinfo=UTC), None, None, NOW)
