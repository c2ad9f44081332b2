"""
Maintenance notices of carriers: BCOP MAINTNOTE, an iCalendar with X-MAINTNOTE properties.

What is not told in so many words is not guessed: a notice that recurs, that lacks its sequence, or whose
times are of no zone is refused, and a person sees it with its reason.
"""

from domain.errors import Invalid
from domain.sla.intake.calendars.calendar_zones import CalendarTimes
from domain.sla.intake.calendars.calendars import Component, read_calendar, unescape
from domain.sla.intake.calendars.time_zones import FindZone
from domain.sla.intake.maintenance_windows import (
    IMPACTS,
    AffectedCircuit,
    MaintenanceWindow,
    WindowStatus,
)
from domain.sla.intake.messages import SUMMARY_MAX, clean_text

EVENTS_MAX, CIRCUITS_MAX, ID_MAX, SEQUENCE_MAX = 100, 500, 200, 2**31 - 1
SEQUENCE_DIGITS_MAX = 20
_RECURRING = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
_X = "X-MAINTNOTE-"


def read_maintenance_notice(content: bytes, find: FindZone, tzdata: str) -> list[MaintenanceWindow]:
    """Return what a notice announces, one window for each event. Raises Invalid, for all of it."""
    calendar = read_calendar(content)
    events = [part for part in calendar.parts if part.name == "VEVENT"]
    if not 1 <= len(events) <= EVENTS_MAX:
        raise Invalid("VEVENT", f"must be there 1 to {EVENTS_MAX} times")
    method = calendar.read_text("METHOD") or ""
    cancelled = method.upper() == "CANCEL"
    times = CalendarTimes(calendar, find)
    return [_read_event(each, times, tzdata, cancelled=cancelled) for each in events]


def _read_event(
    event: Component, times: CalendarTimes, tzdata: str, *, cancelled: bool
) -> MaintenanceWindow:
    for name in _RECURRING:
        if event.list_properties(name):
            raise Invalid(name, "repeats the maintenance: send an event for each window")
    if event.list_properties("DURATION"):
        raise Invalid("DURATION", "is not read: send DTEND")
    times.used_zones = False
    starts_at, ends_at = times.read_time(event, "DTSTART"), times.read_time(event, "DTEND")
    if ends_at <= starts_at:
        raise Invalid("DTEND", "must be after DTSTART")
    return MaintenanceWindow(
        _require(event, f"{_X}PROVIDER"),
        _read_account(event),
        _require(event, f"{_X}MAINTENANCE-ID"),
        _read_sequence(event),
        WindowStatus.CANCELLED if cancelled else _read_status(event),
        starts_at,
        ends_at,
        _read_circuits(event),
        clean_text(event.read_text("SUMMARY"), SUMMARY_MAX),
        times.read_time(event, "DTSTAMP"),
        tzdata if times.used_zones else None,
    )


def _require(event: Component, name: str) -> str:
    found = event.read_text(name)
    if found is None or len(found) > ID_MAX:
        raise Invalid(name, f"must be there, with at most {ID_MAX} characters")
    return found


def _read_account(event: Component) -> str | None:
    return None if event.read_text(f"{_X}ACCOUNT") is None else _require(event, f"{_X}ACCOUNT")


def _read_sequence(event: Component) -> int:
    found = event.read_text("SEQUENCE")
    if found is None:
        raise Invalid("SEQUENCE", "is missing: without it nobody knows which notice is newer")
    is_number = found.isascii() and found.isdigit() and len(found) <= SEQUENCE_DIGITS_MAX
    if not is_number or int(found) > SEQUENCE_MAX:
        raise Invalid("SEQUENCE", f"must be a whole number: {found[:60]!r}")
    return int(found)


def _read_status(event: Component) -> WindowStatus:
    """In any case of letters; STATUS:CANCELLED calls it off whatever else is said."""
    plain = (event.read_text("STATUS") or "").upper()
    if plain == "CANCELLED":
        return WindowStatus.CANCELLED
    said = (event.read_text(f"{_X}STATUS") or plain or "NO-CHANGE").lower()
    try:
        return WindowStatus(said)
    except ValueError:
        raise Invalid(f"{_X}STATUS", f"is not known: {said[:60]!r}") from None


def _read_circuits(event: Component) -> list[AffectedCircuit]:
    """Return each circuit with its own impact, or with that of the event where it has none."""
    general = event.read_text(f"{_X}IMPACT")
    found = event.list_properties(f"{_X}OBJECT-ID")
    if not 1 <= len(found) <= CIRCUITS_MAX:
        raise Invalid(f"{_X}OBJECT-ID", f"must be there 1 to {CIRCUITS_MAX} times")
    return [
        AffectedCircuit(
            clean_text(unescape(each.value).strip(), ID_MAX),
            _check_impact(each.parameters.get(f"{_X}OBJECT-IMPACT") or general),
        )
        for each in found
    ]


def _check_impact(impact: str | None) -> str:
    if impact is None:
        raise Invalid(
            f"{_X}IMPACT", "is missing, for the event and for a circuit: send one of them"
        )
    if impact.upper() not in IMPACTS:
        raise Invalid(f"{_X}IMPACT", f"is not known: {impact[:60]!r}")
    return impact.upper()
