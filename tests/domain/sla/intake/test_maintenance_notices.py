"""Maintenance notices: each row of what carriers and libraries get wrong is a test."""

from datetime import UTC, datetime

import pytest

from adapters.time_zones import TZDATA, find_pinned_zone
from domain.errors import Invalid
from domain.sla.intake.formats.maintenance_notices import read_maintenance_notice
from domain.sla.intake.maintenance_windows import MaintenanceWindow, WindowStatus

EVENT = {
    "SUMMARY": "Fibre work",
    "DTSTAMP": "20261101T120000Z",
    "DTSTART": "20261205T010000Z",
    "DTEND": "20261205T040000Z",
    "UID": "42",
    "SEQUENCE": "1",
    "X-MAINTNOTE-PROVIDER": "carrier.example",
    "X-MAINTNOTE-ACCOUNT": "137.035999173",
    "X-MAINTNOTE-MAINTENANCE-ID": "WorkOrder-31415",
    "X-MAINTNOTE-IMPACT": "OUTAGE",
    "X-MAINTNOTE-STATUS": "CONFIRMED",
}
CIRCUIT = "X-MAINTNOTE-OBJECT-ID:circuit-1"
BERLIN = """BEGIN:VTIMEZONE
TZID:{name}
BEGIN:DAYLIGHT
TZOFFSETFROM:{winter}
TZOFFSETTO:{summer}
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:{summer}
TZOFFSETTO:{winter}
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
"""


def make_notice(
    *lines: str, head: str = "", method: str = "PUBLISH", **changes: str | None
) -> bytes:
    """Return a notice; `changes` are properties, with _ for -, of which None is left out."""
    given = {name.replace("_", "-"): value for name, value in changes.items()}
    known = [f"{name}:{value}" for name, value in (EVENT | given).items() if value is not None]
    body = "\n".join([*known, *(lines or [CIRCUIT])])
    top = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\nMETHOD:{method}\n{head}"
    return f"{top}BEGIN:VEVENT\n{body}\nEND:VEVENT\nEND:VCALENDAR\n".replace("\n", "\r\n").encode()


def read(content: bytes) -> MaintenanceWindow:
    (window,) = read_maintenance_notice(content, find_pinned_zone, TZDATA)
    return window


def refuse(content: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        read_maintenance_notice(content, find_pinned_zone, TZDATA)
    return str(refused.value)


def test_a_notice_is_read() -> None:
    window = read(make_notice())
    assert (window.provider, window.maintenance_id) == ("carrier.example", "WorkOrder-31415")
    assert window.starts_at == datetime(2026, 12, 5, 1, tzinfo=UTC)
    assert window.ends_at == datetime(2026, 12, 5, 4, tzinfo=UTC)
    assert (window.status, window.sequence) == (WindowStatus.CONFIRMED, 1)
    assert window.tzdata is None


def test_the_impact_on_one_circuit_alone_is_read() -> None:
    own = "X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=NO-IMPACT:circuit-1"
    (circuit,) = read(make_notice(own)).circuits
    assert (circuit.id, circuit.impact) == ("circuit-1", "NO-IMPACT")
    (alone,) = read(make_notice(own, X_MAINTNOTE_IMPACT=None)).circuits
    assert alone.impact == "NO-IMPACT"
    first, second = read(make_notice(own, "X-MAINTNOTE-OBJECT-ID:circuit-2")).circuits
    assert (first.impact, second.impact) == ("NO-IMPACT", "OUTAGE")
    assert "X-MAINTNOTE-IMPACT" in refuse(make_notice(X_MAINTNOTE_IMPACT=None))


def test_every_calendar_has_its_own_time_zones() -> None:
    """A second file's definition of a name is not that of the first, in one process."""
    local = {"DTSTART": None, "DTEND": None}
    times = ("DTSTART;TZID=Ours:20261205T010000", "DTEND;TZID=Ours:20261205T040000", CIRCUIT)
    found = []
    for winter, summer in (("+0100", "+0200"), ("-0500", "-0400"), ("+0100", "+0200")):
        head = BERLIN.format(name="Ours", winter=winter, summer=summer)
        found.append(read(make_notice(*times, head=head, **local)).starts_at.hour)
    assert found == [0, 6, 0]


def test_a_definition_that_contradicts_its_iana_name_is_refused() -> None:
    local = {"DTSTART": None, "DTEND": None}
    zone = "Europe/Berlin"
    times = (f"DTSTART;TZID={zone}:20260705T010000", f"DTEND;TZID={zone}:20260705T040000", CIRCUIT)
    right = BERLIN.format(name=zone, winter="+0100", summer="+0200")
    window = read(make_notice(*times, head=right, **local))
    assert (window.starts_at, window.tzdata) == (datetime(2026, 7, 4, 23, tzinfo=UTC), TZDATA)
    assert read(make_notice(*times, **local)).starts_at == window.starts_at
    wrong = BERLIN.format(name=zone, winter="-0500", summer="-0400")
    assert "own definition" in refuse(make_notice(*times, head=wrong, **local))


@pytest.mark.parametrize(
    ("zone", "time", "word"),
    [
        (";TZID=Nowhere/Town", "20261205T010000", "no time zone"),
        (";TZID=CET", "20261205T010000", "must be UTC or a name"),
        (";TZID=Europe/Berlin", "20261025T023000", "twice"),
        (";TZID=Europe/Berlin", "20260329T023000", "skip"),
        ("", "20261205T010000", "no zone"),
        (";VALUE=DATE", "20261205", "a date without a time"),
        ("", "20261399T010000Z", "no time"),
    ],
)
def test_times_of_no_zone_or_of_none_that_is_known_are_refused(
    zone: str, time: str, word: str
) -> None:
    begins = f"DTSTART{zone}:{time}"
    assert word in refuse(make_notice(begins, CIRCUIT, DTSTART=None))


def test_the_changes_of_an_own_time_zone_are_found_to_the_second() -> None:
    head = BERLIN.format(name="Ours", winter="+0100", summer="+0200")
    for local, word in (("20261025T023000", "twice"), ("20260329T023000", "skip")):
        begins = f"DTSTART;TZID=Ours:{local}"
        assert word in refuse(make_notice(begins, CIRCUIT, head=head, DTSTART=None))
    for local, hour in (("20261025T030000", 2), ("20261025T015959", 23), ("20260329T030000", 1)):
        begins = f"DTSTART;TZID=Ours:{local}"
        assert read(make_notice(begins, CIRCUIT, head=head, DTSTART=None)).starts_at.hour == hour


OWN = BERLIN.format(name="Ours", winter="+0100", summer="+0200")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Ours"])
@pytest.mark.parametrize("time", ["00010101T000000", "99991231T235959"])
def test_a_time_at_the_end_of_the_calendar_is_refused(zone: str, time: str) -> None:
    begins = f"DTSTART;TZID={zone}:{time}"
    assert "years 1970 to 2200" in refuse(make_notice(begins, CIRCUIT, head=OWN, DTSTART=None))


def test_an_own_time_zone_has_its_bounds() -> None:
    begins = "DTSTART;TZID=Ours:20261205T010000"
    dates = ",".join(["20200101T000000"] * 101)
    crowded = OWN.replace("END:STANDARD", f"RDATE:{dates}\nRDATE:{dates}\nEND:STANDARD")
    change = OWN[OWN.index("BEGIN:DAYLIGHT") : OWN.index("BEGIN:STANDARD")]
    for head, word in (
        (crowded, "RDATE: must name at most 200"),
        (OWN.replace(change, change * 50), "at most 50 changes"),
        (OWN.replace("BYMONTH=3", f"BYMONTH={'1' * 5000}"), "RRULE: of a time zone"),
        (OWN.replace("BYMONTH=3", "BYMONTH=\u00b2"), "RRULE: of a time zone"),
    ):
        assert word in refuse(make_notice(begins, CIRCUIT, head=head, DTSTART=None))
    for_ever = OWN.replace("BYDAY=-1SU", "BYDAY=-1SU;UNTIL=99991231T235959Z")
    assert read(make_notice(begins, CIRCUIT, head=for_ever, DTSTART=None)).starts_at.hour == 0


@pytest.mark.parametrize("line", ["RRULE:FREQ=DAILY;COUNT=3", "RDATE:20261206T010000Z"])
def test_a_maintenance_that_repeats_is_refused(line: str) -> None:
    assert "repeats" in refuse(make_notice(line, CIRCUIT))


def test_what_is_called_off_is_cancelled() -> None:
    assert read(make_notice(method="CANCEL")).status is WindowStatus.CANCELLED
    assert read(make_notice(STATUS="CANCELLED")).status is WindowStatus.CANCELLED
    called_off = make_notice(method="CANCEL", X_MAINTNOTE_STATUS=None)
    assert read(called_off).status is WindowStatus.CANCELLED


def test_a_notice_without_its_sequence_is_refused() -> None:
    assert "SEQUENCE" in refuse(make_notice(SEQUENCE=None))
    for wrong in ("-1", "9" * 5000, str(2**31)):
        assert "SEQUENCE" in refuse(make_notice(SEQUENCE=wrong))


@pytest.mark.parametrize("said", ["confirmed", "Confirmed", "IN-PROCESS", "no-change"])
def test_a_status_may_have_any_case(said: str) -> None:
    assert read(make_notice(X_MAINTNOTE_STATUS=said)).status == said.lower()
    assert "not known" in refuse(make_notice(X_MAINTNOTE_STATUS="maybe"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (make_notice("DURATION:PT3H", CIRCUIT, DTEND=None), "DURATION: is not read"),
        (make_notice(DTSTAMP=None), "DTSTAMP: is missing"),
        (make_notice(X_MAINTNOTE_ACCOUNT="a" * 201), "X-MAINTNOTE-ACCOUNT: must be"),
        (make_notice(DTEND="20261205T010000Z"), "DTEND: must be after"),
        (make_notice("DTSTART:20261205T020000Z", CIRCUIT), "DTSTART: stands 2 times"),
        (b"", "body"),
        (b"hello", "body"),
        (b"\xff\xfe", "UTF-8"),
        (make_notice().replace(b"END:VCALENDAR", b""), "one iCalendar"),
    ],
)
def test_the_reason_names_what_is_wrong(content: bytes, word: str) -> None:
    assert word in refuse(content)


def test_a_folded_line_is_one_line() -> None:
    folded = make_notice(SUMMARY="Fibre\n  work\\, and more")
    assert read(folded).summary == "Fibre work, and more"
