"""Days are included whole, and instants to the microsecond."""

from datetime import UTC, datetime

import pytest

from api.parsing.bounds import parse_bounds
from domain.errors import Invalid


def test_both_days_are_in_the_range() -> None:
    assert parse_bounds("2026-01-31", "2026-01-31") == (
        datetime(2026, 1, 31, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    assert parse_bounds(None, None) == (None, None)


def test_an_instant_is_in_its_range_in_whatever_time_zone() -> None:
    since, until = parse_bounds("2026-01-31T13:00:00 01:00", "2026-01-31T12:00:00.000Z")
    assert since == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert until == datetime(2026, 1, 31, 12, microsecond=1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "20260131", "2026-02-30", "2026-1-31", "٢٠٢٦-01-31"),
        *("2026-01-31T12:00:00", "2026-01-31T25:00:00Z", "9999-12-31", "9999-12-31T23:59:59Z"),
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_neither_is_refused_by_its_name(text: str) -> None:
    for bounds in ((text, None), (None, text)):
        with pytest.raises(Invalid) as refusal:
            parse_bounds(*bounds, ("start_date", "end_date"))
        assert refusal.value.field == ("start_date" if bounds[0] == text else "end_date")
