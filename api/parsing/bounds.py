"""From when until when: a caller names days (of UTC or another zone, both included) or instants."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any

from fastapi import Query

from domain.analytics.periods import find_day_start
from domain.errors import Invalid

# The day after the last of all cannot be written down, and no outage is so old or so far.
YEAR_MIN, YEAR_MAX = 1, 9998
_MEANING = "A day (2026-01-31, UTC, included) or an instant with a time zone"
_FORMS: dict[str, Any] = {
    "anyOf": [
        *(
            {"type": "string", "format": each, "pattern": "^(?!000[01]|9999)"}
            for each in ("date", "date-time")
        ),
        {"type": "null"},
    ]
}
Bound = Annotated[str | None, Query(max_length=40, description=_MEANING, json_schema_extra=_FORMS)]
OlderBound = Annotated[
    str | None,
    Query(max_length=40, description=_MEANING, json_schema_extra=_FORMS, deprecated=True),
]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+", re.ASCII)
RULE = "must be a day like 2026-01-31, or an instant like 2026-01-31T12:00:00Z"


def parse_bounds(
    since: str | None,
    until: str | None,
    names: tuple[str, str] = ("date_from", "date_to"),
    zone: tzinfo = UTC,
) -> tuple[datetime | None, datetime | None]:
    """Return the instants from which (inclusive) and until which (exclusive) two bounds reach."""
    first = None if since is None else _parse(names[0], since)
    last = None if until is None else _parse(names[1], until)
    if isinstance(last, datetime):
        end: datetime | None = last + timedelta(microseconds=1)
    else:
        end = None if last is None else find_day_start(last + timedelta(days=1), zone)
    if first is None or isinstance(first, datetime):
        return first, end
    return find_day_start(first, zone), end


def _parse(name: str, text: str) -> date | datetime:
    try:
        if _DAY.fullmatch(text):
            found: date = date.fromisoformat(text)
        elif _INSTANT.fullmatch(text):
            # A plus that was not escaped comes as a space.
            instant = datetime.fromisoformat(re.sub(r" ([0-9]{2}:?[0-9]{2})$", r"+\1", text))
            if instant.tzinfo is None:
                raise Invalid(name, "must carry a time zone, for example 2026-01-31T12:00:00Z")
            found = instant.astimezone(UTC)
        else:
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise Invalid(name, RULE) from None
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise Invalid(name, RULE)
    return found
