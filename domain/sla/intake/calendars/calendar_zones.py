"""
The times of one calendar, by the time zones that it defines itself.

Each calendar is read for itself. A time zone is that of the calendar's own definition, whatever another
calendar calls by the same name; where the name is also one of the IANA database, both must agree.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from domain.errors import Invalid
from domain.sla.intake.calendars.calendars import Component
from domain.sla.intake.calendars.time_zones import FindZone, find_zone, is_zone_name, resolve_local

_TIME = re.compile(r"(\d{8})T(\d{6})(Z?)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?", re.ASCII)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONTH = re.compile(r"0?[1-9]|1[0-2]", re.ASCII)
# Of events: a carrier announces nothing outside of them.
YEAR_MIN, YEAR_MAX = 1970, 2200
# More than two offsets, and the change between them.
_FAR = timedelta(days=5)
OBSERVANCES_MAX, RDATES_MAX = 50, 200
_YEARLY = re.compile(r"(-?[1-5])(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class CalendarTimes:
    """Reads the times of one calendar, by its own time zones and the pinned ones."""

    def __init__(self, calendar: Component, find: FindZone) -> None:
        self.find = find
        self.used_zones = False
        self.zones: dict[str, OwnZone] = {}
        self.own: dict[str, Component] = {}
        for part in calendar.parts:
            if part.name == "VTIMEZONE" and (name := part.read_text("TZID")):
                if name in self.own:
                    raise Invalid("TZID", f"{name!r} is defined twice")
                self.own[name] = part

    def read_time(self, component: Component, name: str) -> datetime:
        """Return the instant of a property. Raises Invalid for one that has not exactly one."""
        found = component.get(name)
        if found is None:
            raise Invalid(name, f"is missing in {component.name}: send it")
        match = _TIME.fullmatch(found.value.strip())
        if match is None:
            said = "a date without a time" if found.parameters.get("VALUE") == "DATE" else "no time"
            raise Invalid(name, f"is {said}: {found.value[:60]!r}; send it like 20260131T120000Z")
        local = _parse_local(name, match[1] + match[2])
        if not YEAR_MIN <= local.year <= YEAR_MAX:
            raise Invalid(name, f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
        zone = found.parameters.get("TZID")
        if match[3]:
            if zone is not None:
                raise Invalid(name, "is in UTC and names a time zone as well: send one of them")
            return local.replace(tzinfo=UTC)
        if zone is None:
            raise Invalid(name, "is a local time of no zone: send it in UTC, or with a TZID")
        return self._resolve(name, local, zone)

    def _resolve(self, name: str, local: datetime, zone: str) -> datetime:
        own = self.own.get(zone)
        if own is None:
            self.used_zones = True
            return resolve_local(name, local, find_zone(name, zone.removeprefix("/"), self.find))
        if zone not in self.zones:
            self.zones[zone] = OwnZone(own)
        instant = resolve_local(name, local, self.zones[zone])
        known = self.find(zone) if is_zone_name(zone) else None
        if known is not None:
            self.used_zones = True
            if instant != (expected := resolve_local(name, local, known)):
                raise Invalid(
                    name,
                    f"is {instant.isoformat()} by the calendar's own definition of {zone}, and "
                    f"{expected.isoformat()} by that of the IANA database",
                )
        return instant


def _parse_local(name: str, digits: str) -> datetime:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone comes later
    except ValueError:
        raise Invalid(name, f"is no time: {digits[:60]!r}") from None


class OwnZone(tzinfo):
    """The time zone that a VTIMEZONE defines; raises Invalid for a definition that is not understood."""

    def __init__(self, definition: Component) -> None:
        parts = [each for each in definition.parts if each.name in ("STANDARD", "DAYLIGHT")]
        if not parts:
            raise Invalid("VTIMEZONE", "defines no offset: it needs STANDARD or DAYLIGHT")
        if len(parts) > OBSERVANCES_MAX:
            raise Invalid("VTIMEZONE", f"must have at most {OBSERVANCES_MAX} changes of the clocks")
        self.observances = [_Observance(part) for part in parts]
        if sum(len(each.extra) for each in self.observances) > RDATES_MAX:
            raise Invalid("RDATE", f"must name at most {RDATES_MAX} times in a time zone")
        self.changes: dict[int, list[tuple[datetime, timedelta, timedelta]]] = {}

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None, "of a calendar's time alone"
        local = moment.replace(tzinfo=None)
        changes = self._list_changes(local.year)
        for each in reversed(changes):
            if _has_come(each, local, moment.fold):
                return each[2]
        return changes[0][1] if changes else self.observances[0].after

    def _list_changes(self, year: int) -> list[tuple[datetime, timedelta, timedelta]]:
        """Return the offsets before and after each change around a year, by the clock that goes before it."""
        if year not in self.changes:
            self.changes[year] = sorted(
                (onset, each.before, each.after)
                for each in self.observances
                for onset in each.list_onsets(year)
            )
        return self.changes[year]

    def _list_offsets(self, near: datetime) -> set[timedelta]:
        """Return the offsets that may be in force at a time, by whatever clock it is told."""
        changes = self._list_changes(near.year)
        past = [each for each in changes if each[0] < near - _FAR]
        now = [each for each in changes if near - _FAR <= each[0] <= near + _FAR]
        before = past[-1][2] if past else changes[0][1] if changes else self.observances[0].after
        return {before, *(offset for each in now for offset in each[1:])}

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "own"

    def fromutc(self, moment: datetime) -> datetime:
        """Each offset is tried; one that leads back to this instant, by a time that there is, is right."""
        plain = moment.replace(tzinfo=None)
        for offset in self._list_offsets(plain):
            first, again = ((plain + offset).replace(tzinfo=self, fold=fold) for fold in (0, 1))
            if self.utcoffset(first) < self.utcoffset(again):
                continue  # the clocks leave it out
            for local in (first, again):
                if self.utcoffset(local) == offset:
                    return local
        return (plain + self.observances[0].after).replace(tzinfo=self)


def _has_come(change: tuple[datetime, timedelta, timedelta], local: datetime, fold: int) -> bool:
    """
    Whether a change of the clocks lies before a local time. An hour that comes twice is before it, and with
    `fold` after it; an hour that is left out is before it.
    """
    onset, before, after = change
    shift = after - before
    if shift < timedelta(0):  # set back: [onset + shift, onset) comes twice
        return local >= onset or (fold == 1 and local >= onset + shift)
    # set forward: [onset, onset + shift) does not exist
    return local >= onset + shift or (fold == 1 and local >= onset)


class _Observance:
    """STANDARD or DAYLIGHT: from when on, between which offsets, and how it comes again each year."""

    def __init__(self, part: Component) -> None:
        self.before = _read_offset(part, "TZOFFSETFROM")
        self.after = _read_offset(part, "TZOFFSETTO")
        begin = part.get("DTSTART")
        self.begin = _parse_local("DTSTART", (begin.value if begin else "").replace("T", ""))
        self.extra = [
            _parse_local("RDATE", value.replace("T", "").rstrip("Z"))
            for each in part.list_properties("RDATE")
            for value in each.value.split(",")
        ]
        rule = part.get("RRULE")
        self.rule = None if rule is None else _read_yearly(rule.value, self.before)

    def list_onsets(self, year: int) -> list[datetime]:
        """Return the local times, by the clock before them, at which it begins around a year."""
        found = [self.begin, *self.extra]
        if self.rule is not None:
            month, number, day, until = self.rule
            for each in range(max(self.begin.year, year - 1), year + 2):
                onset = _find_day(each, month, number, day, self.begin)
                if onset > self.begin and (until is None or onset <= until):
                    found.append(onset)
            if until is not None and until.year <= year:
                # The last one, which may be of the year before.
                ends = [_find_day(until.year - n, month, number, day, self.begin) for n in (0, 1)]
                found += [each for each in ends if self.begin < each <= until][:1]
        return found


def _read_offset(part: Component, name: str) -> timedelta:
    found = part.get(name)
    match = _OFFSET.fullmatch(found.value.strip()) if found is not None else None
    if match is None:
        raise Invalid(name, "must be an offset like +0100")
    size = timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    if size >= timedelta(hours=24):
        raise Invalid(name, "must be less than a day")
    return -size if match[1] == "-" else size


def _read_yearly(rule: str, before: timedelta) -> tuple[int, int, int, datetime | None]:
    """Return month, which of the weekdays of the month, the weekday, and until when."""
    parts = dict(each.partition("=")[::2] for each in rule.strip().upper().split(";"))
    day = _YEARLY.fullmatch(parts.pop("BYDAY", ""))
    month, until = parts.pop("BYMONTH", ""), parts.pop("UNTIL", None)
    parts.pop("WKST", None)
    plain = parts == {"FREQ": "YEARLY"} and _MONTH.fullmatch(month) and day is not None
    if not plain or day is None:
        raise Invalid("RRULE", f"of a time zone is not understood: {rule[:80]!r}")
    last = None
    if until is not None:
        last = _parse_local("UNTIL", until.replace("T", "").rstrip("Z").ljust(14, "0"))
        if YEAR_MIN <= last.year < YEAR_MAX:
            last += before
    return int(month), int(day[1]), _DAYS.index(day[2]), last


def _find_day(year: int, month: int, number: int, day: int, at: datetime) -> datetime:
    """Return the n-th weekday of a month, counted from its end when n is negative, at a time of day."""
    if number > 0:
        first = at.replace(year=year, month=month, day=1)
        return first + timedelta(days=(day - first.weekday()) % 7 + 7 * (number - 1))
    ahead = at.replace(year=year + month // 12, month=month % 12 + 1, day=1)
    last = ahead - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - day) % 7 + 7 * (-number - 1))
