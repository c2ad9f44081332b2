"""Local times become instants by the pinned tables, and only where there is one that fits."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.time_zones import TZDATA, find_pinned_zone
from domain.errors import Invalid
from domain.sla.intake.calendars.time_zones import find_zone, resolve_local


@pytest.mark.parametrize(
    "name", ["CET", "EET", "WET", "MST", "EST", "EST5EDT", "GMT", "Berlin", ""]
)
def test_abbreviations_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        find_zone("time_zone", name, find_pinned_zone)


@pytest.mark.parametrize("name", ["Nowhere/Town", "../etc/passwd", "America/Argentina", "A/B/C/D"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        find_zone("time_zone", name, find_pinned_zone)


def test_the_pinned_tables_decide_and_not_those_of_the_machine() -> None:
    """Manitoba keeps its summer time from 2026 on, which older tables do not know."""
    assert tuple(map(int, TZDATA.split(".")[:2])) >= (2026, 6)
    zone = find_zone("time_zone", "America/Winnipeg", find_pinned_zone)
    winter = resolve_local("at", datetime(2027, 1, 15, 12), zone)  # noqa: DTZ001 - a local time
    assert winter == datetime(2027, 1, 15, 17, tzinfo=UTC)


def test_a_night_of_the_clocks_is_measured_between_instants() -> None:
    """From 01:00 to 03:00 are two hours by the clock, and three when it is set back."""
    zone = find_zone("time_zone", "Europe/Berlin", find_pinned_zone)
    begin, end = (
        resolve_local("at", datetime(2026, 10, 25, hour), zone)  # noqa: DTZ001 - a local time
        for hour in (1, 3)
    )
    assert end - begin == timedelta(hours=3)
