#!/usr/bin/env bash
# Software: circuit-maintenance-parser 2.12.0, which brings icalendar 5.0.14.
#
# A maintenance notice (BCOP MAINTNOTE, iCalendar) is called off by METHOD:CANCEL and STATUS:CANCELLED, as RFC 5546 has
# it. The library reads neither, only X-MAINTNOTE-STATUS; and a window that is repeated three nights (RRULE) becomes one.
#
# Seen: the cancelled notice is CONFIRMED, or NO-CHANGE where it has no X-MAINTNOTE-STATUS; one window of three.
# For us: planned work that was called off would excuse an outage. Method, status and recurrence are read by ourselves.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check circuit-maintenance-parser==2.12.0 icalendar==5.0.14

cat > run.py <<'CODE'
from circuit_maintenance_parser import NotificationData, init_provider


def notice(method: str, status: str, *more: str) -> bytes:
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", f"METHOD:{method}"),
        *("BEGIN:VEVENT", "SUMMARY:Splicing", "UID:42", "SEQUENCE:2", f"STATUS:{status}"),
        *("DTSTART:20261010T080000Z", "DTEND:20261010T100000Z", "DTSTAMP:20261001T001000Z"),
        *("X-MAINTNOTE-PROVIDER:example.com", "X-MAINTNOTE-ACCOUNT:137"),
        *("X-MAINTNOTE-MAINTENANCE-ID:WORK-1", "X-MAINTNOTE-IMPACT:OUTAGE"),
        *("X-MAINTNOTE-OBJECT-ID:circuit-1", "ORGANIZER:mailto:noc@example.com"),
        *(*more, "END:VEVENT", "END:VCALENDAR", ""),
    ]
    return "\r\n".join(lines).encode()


CONFIRMED = "X-MAINTNOTE-STATUS:CONFIRMED"
provider = init_provider("genericprovider")
for name, raw in {
    "planned": notice("PUBLISH", "CONFIRMED", CONFIRMED),
    "called off": notice("CANCEL", "CANCELLED", CONFIRMED),
    "called off, no X-MAINTNOTE-STATUS": notice("CANCEL", "CANCELLED"),
    "three nights": notice("PUBLISH", "CONFIRMED", CONFIRMED, "RRULE:FREQ=DAILY;COUNT=3"),
}.items():
    found = provider.get_maintenances(NotificationData.init_from_raw("ical", raw))
    print(f"{name}: {', '.join(each.status.value for each in found)}; windows: {len(found)}")
CODE

cat > expected <<'TEXT'
planned: CONFIRMED; windows: 1
called off: CONFIRMED; windows: 1
called off, no X-MAINTNOTE-STATUS: NO-CHANGE; windows: 1
three nights: CONFIRMED; windows: 1
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
