#!/usr/bin/env bash
# Software: icalendar 7.3.2.
#
# Two calendars each bring their own VTIMEZONE under the same TZID, as carriers do that name theirs "Local". RFC 5545
# makes a TZID unique within one calendar object. The library keeps the first definition for the life of the process:
# the second calendar's times are read six hours wrong, without a word.
#
# Seen: one o'clock at -05:00 is read as one o'clock at +01:00, because another calendar was read before.
# For us: a maintenance notice is read in a fresh process, or its VTIMEZONE is resolved by ourselves.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check icalendar==7.3.2

cat > run.py <<'CODE'
import icalendar


def calendar(offset: str) -> str:
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN"),
        *("BEGIN:VTIMEZONE", "TZID:Carrier Local", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
        *(f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}", "TZNAME:LOCAL"),
        *("END:STANDARD", "END:VTIMEZONE"),
        *("BEGIN:VEVENT", "UID:1@example.com", "DTSTAMP:20260101T000000Z"),
        "DTSTART;TZID=Carrier Local:20260310T010000",
        "DTEND;TZID=Carrier Local:20260310T050000",
        *("END:VEVENT", "END:VCALENDAR", ""),
    ]
    return "\r\n".join(lines)


for offset in ("+0100", "-0500"):
    event = icalendar.Calendar.from_ical(calendar(offset)).walk("VEVENT")[0]
    print(f"defined as {offset}, read as", event.decoded("DTSTART").isoformat())
CODE

cat > expected <<'TEXT'
defined as +0100, read as 2026-03-10T01:00:00+01:00
defined as -0500, read as 2026-03-10T01:00:00+01:00
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
