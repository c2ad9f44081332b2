"""
Listings: which outages are meant, in which order, and from which place on.

A cursor names the last outage of a page by what it is sorted by and its id, so that nothing is skipped or
shown twice while outages leave the filter, or enter it, between two pages.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.errors import Invalid
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity


class SortField(StrEnum):
    """What outages are sorted by; a severity and a status in their own order, not that of letters."""

    DETECTED_AT = "detected_at"
    SEVERITY = "severity"
    STATUS = "status"
    SITE_NAME = "site_name"
    ID = "id"


# From the lightest to the gravest, and from the declaration to the end.
SEVERITY_ORDER = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
STATUS_ORDER = tuple(OutageStatus)


@dataclass(frozen=True, slots=True)
class OutageFilter:
    """All of it must hold. `since` and `until` (exclusive) are of the detection; a site is an id or a name."""

    severity: Severity | None = None
    statuses: Sequence[OutageStatus] | None = None
    site: str | None = None
    agreement: str | None = None
    part_of: str | None = None
    assigned_to: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    # Only those whose newest verdict is a violation.
    violated: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """Outages of the same value are sorted by their ids."""

    field: SortField = SortField.DETECTED_AT
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The last outage of a page: its value in the ordering, and its id."""

    value: str
    id: str


def parse_ordering(field: str | None, order: str | None, name: str = "sort") -> Ordering:
    """Read `-detected_at`, or a field and an order beside it; raises Invalid for what cannot be sorted by."""
    if not field:
        return Ordering(descending=order != "asc")
    wanted = field.removeprefix("-")
    if wanted not in set(SortField):
        raise Invalid(name, f"must be one of {', '.join(sorted(SortField))}")
    descending = order == "desc" if order else field.startswith("-")
    return Ordering(SortField(wanted), descending)


def encode_cursor(ordering: Ordering, place: Place) -> str:
    content = [ordering.field, ordering.descending, place.value, place.id]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def decode_cursor(text: str, ordering: Ordering) -> Place:
    """Return the place after which a page begins. Raises Invalid for a cursor of another ordering, or none."""
    try:
        content: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        field, descending, value, id_ = content
        place = Place(str(value), str(id_))
        _check_value(SortField(field), place.value)
    except (binascii.Error, ValueError, TypeError):
        raise Invalid(
            "cursor", "is not a cursor of this list: send the next_cursor of an earlier page"
        ) from None
    if (field, descending) != (ordering.field, ordering.descending):
        raise Invalid(
            "cursor", "is of another ordering: send the sort that its page was asked with"
        )
    return place


def _check_value(field: SortField, value: str) -> None:
    """Raise ValueError for what the ordering can never hold."""
    if "\x00" in value:
        raise ValueError(value)
    match field:
        case SortField.DETECTED_AT:
            if datetime.fromisoformat(value).tzinfo is None:
                raise ValueError(value)
        case SortField.SEVERITY | SortField.STATUS:
            int(value)
        case SortField.SITE_NAME | SortField.ID:
            value.encode()  # half a surrogate pair is no text
