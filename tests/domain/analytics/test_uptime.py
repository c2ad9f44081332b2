"""A month is as long as its zone's clocks make it, and a month in which nothing was down has been up."""

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.time_zones import find_pinned_zone
from domain.analytics.uptime import MONTHS_MAX, SiteDowntime, list_months, make_months
from domain.errors import Invalid

NOW = datetime(2026, 4, 10, tzinfo=UTC)
BERLIN = find_pinned_zone("Europe/Berlin")
assert BERLIN is not None


def test_months_are_those_of_the_zone_and_end_now() -> None:
    march, april, may = list_months("2026-03", "2026-05", BERLIN, NOW)
    assert march.since == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert march.until == april.since == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert april.until == NOW
    assert may.since == may.until  # has not begun
    assert [each.day for each in list_months(None, None, BERLIN, NOW)] == [date(2026, 4, 1)]


def test_the_percentage_is_of_what_has_passed_and_none_of_what_has_not() -> None:
    months = list_months("2026-03", "2026-05", BERLIN, NOW)
    down = SiteDowntime(1, "mast-7", 2, timedelta(hours=1))
    march, april, may = make_months(months, {1: down}, [down])
    assert (march.whole.percent, march.whole.outages) == (100.0, 0)
    assert march.whole.seconds == (31 * 24 - 1) * 3600
    passed = (NOW - months[1].since) // timedelta(seconds=1)
    assert (april.whole.down_seconds, april.whole.seconds) == (3600, passed)
    assert april.whole.percent == round(100 * (passed - 3600) / passed, 5)
    assert [(each.site, each.outages) for each in april.sites] == [("mast-7", 2)]
    assert may.whole.percent is None


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("2026-05", "2026-04", "is after the last month"),
        ("2026-5", None, "month_from: must be a month like 2026-01"),
        (None, "2026-13", "month_to: must be a month like 2026-01"),
        ("0001-01", None, "month_from: must be a month like 2026-01"),
        ("2020-01", "2026-04", f"at most {MONTHS_MAX} months"),
    ],
)
def test_what_is_no_span_of_months_is_refused(
    first: str | None, last: str | None, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        list_months(first, last, BERLIN, NOW)
