"""A calendar's own definition of a zone says the same as the database, to the minute around its changes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from adapters.time_zones import find_pinned_zone
from domain.errors import Invalid
from domain.sla.intake.calendars.calendar_zones import OwnZone
from domain.sla.intake.calendars.calendars import read_calendar
from domain.sla.intake.calendars.time_zones import find_zone, resolve_local

# Name, offsets of winter and summer, and when each begins.
ZONES = [
    ("Europe/Berlin", "+0100", "+0200", ("10;BYDAY=-1SU", "03"), ("3;BYDAY=-1SU", "02")),
    ("America/New_York", "-0500", "-0400", ("11;BYDAY=1SU", "02"), ("3;BYDAY=2SU", "02")),
    ("Australia/Sydney", "+1000", "+1100", ("4;BYDAY=1SU", "03"), ("10;BYDAY=1SU", "02")),
]
NOON = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - a local time


def make_zone(winter: str, summer: str, *rules: tuple[str, str]) -> OwnZone:
    lines = ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", "TZID:Ours"]
    for kind, (before, after), (rule, hour) in zip(
        ("STANDARD", "DAYLIGHT"), ((summer, winter), (winter, summer)), rules, strict=True
    ):
        lines += [f"BEGIN:{kind}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}"]
        begin = 1 if kind == "STANDARD" else 2
        lines += [f"DTSTART:2007010{begin}T{hour}0000", f"RRULE:FREQ=YEARLY;BYMONTH={rule}"]
        lines += [f"END:{kind}"]
    content = "\n".join([*lines, "END:VTIMEZONE", "END:VCALENDAR"]).encode()
    return OwnZone(read_calendar(content).parts[0])


def list_local_times() -> Iterator[datetime]:
    """Every half hour of the first and the last twelve days of the months in which clocks change."""
    for month in (3, 4, 10, 11):
        begin = datetime(2026, month, 1)  # noqa: DTZ001 - a local time
        for number in range(31 * 48):
            local = begin + timedelta(minutes=30 * number)
            if local.month == month and (local.day <= 12 or local.day > 19):
                yield local


def resolve(local: datetime, zone: object) -> datetime | str:
    try:
        return resolve_local("at", local, zone)  # type: ignore[arg-type]
    except Invalid as error:
        return str(error)


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone[0])
def test_an_own_definition_agrees_with_the_database(
    zone: tuple[str, str, str, tuple[str, str], tuple[str, str]],
) -> None:
    name, winter, summer, *rules = zone
    own, known = make_zone(winter, summer, *rules), find_zone("at", name, find_pinned_zone)
    differing = [
        local for local in list_local_times() if resolve(local, own) != resolve(local, known)
    ]
    assert differing == []


@pytest.mark.parametrize("rule", ["RRULE:FREQ=WEEKLY", "RRULE:FREQ=YEARLY;BYMONTH=13;BYDAY=1SU"])
def test_a_definition_that_is_not_understood_is_refused(rule: str) -> None:
    content = f"""BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:Ours
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:20070101T030000
{rule}
END:STANDARD
END:VTIMEZONE
END:VCALENDAR"""
    with pytest.raises(Invalid, match="RRULE"):
        OwnZone(read_calendar(content.encode()).parts[0])


# Summer time for ever, by a rule that ended before its onset of the year in which it ended.
ENDED_RULE = """BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:Ours
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:20001029T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20140601T000000Z
END:STANDARD
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:20000326T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;UNTIL=20140601T000000Z
END:DAYLIGHT
END:VTIMEZONE
END:VCALENDAR"""


def test_a_rule_that_ended_before_the_calendar_begins_is_refused() -> None:
    rule = "10;BYDAY=-1SU;UNTIL=00010101T000000Z"
    with pytest.raises(Invalid, match="no time that can be reckoned with"):
        resolve_local("at", NOON, make_zone("-0500", "-0400", (rule, "03"), (rule, "02")))


@pytest.mark.parametrize("year", [2014, 2015, 2016, 2026])
def test_a_rule_ends_with_its_last_onset_before_its_end(year: int) -> None:
    own = OwnZone(read_calendar(ENDED_RULE.encode()).parts[0])
    local = datetime(year, 12, 1)  # noqa: DTZ001 - a local time
    assert resolve_local("at", local, own).hour == 22
    early = datetime(2013, 12, 1)  # noqa: DTZ001 - a local time
    assert resolve_local("at", early, own).hour == 23
