"""Orderings are read in every spelling, and a cursor belongs to one of them."""

import base64
import json

import pytest

from domain.errors import Invalid
from domain.sla.listings import (
    SEVERITY_ORDER,
    STATUS_ORDER,
    Ordering,
    Place,
    SortField,
    decode_cursor,
    encode_cursor,
    parse_ordering,
)
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity


def test_every_severity_and_status_has_a_place_in_its_order() -> None:
    assert set(SEVERITY_ORDER) == set(Severity)
    assert set(STATUS_ORDER) == set(OutageStatus)


@pytest.mark.parametrize(
    ("field", "order", "expected"),
    [
        (None, None, Ordering(SortField.DETECTED_AT, True)),
        (None, "asc", Ordering(SortField.DETECTED_AT, False)),
        ("severity", None, Ordering(SortField.SEVERITY, False)),
        ("-severity", None, Ordering(SortField.SEVERITY, True)),
        ("status", "desc", Ordering(SortField.STATUS, True)),
        ("-site_name", "asc", Ordering(SortField.SITE_NAME, False)),
    ],
)
def test_an_ordering_is_read(field: str | None, order: str | None, expected: Ordering) -> None:
    assert parse_ordering(field, order) == expected


@pytest.mark.parametrize("field", ["colour", "--id", "detected_at; DROP"])
def test_what_cannot_be_sorted_by_is_refused_by_the_name_it_was_sent_under(field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_ordering(field, None, "sort_by")
    assert refusal.value.field == "sort_by"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (SortField.DETECTED_AT, "2026-01-31T12:00:00.000001+00:00"),
        (SortField.SEVERITY, "3"),
        (SortField.SITE_NAME, "Türme\n"),
        (SortField.ID, "OUT-1"),
    ],
)
def test_a_cursor_is_read_back(field: SortField, value: str) -> None:
    ordering, place = Ordering(field), Place(value, "OUT-1")
    assert decode_cursor(encode_cursor(ordering, place), ordering) == place


def _encode(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        _encode([]),
        _encode(["severity", True, "high", "OUT-1"]),
        _encode(["detected_at", True, "2026-01-31T12:00:00", "OUT-1"]),
        _encode(["site_name", True, "a\x00b", "OUT-1"]),
        _encode(["site_name", True, "\ud800", "OUT-1"]),
        _encode(["colour", True, "red", "OUT-1"]),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a cursor of this list"):
        decode_cursor(text, Ordering(SortField.SEVERITY))


def test_a_cursor_of_another_ordering_is_refused() -> None:
    cursor = encode_cursor(Ordering(SortField.ID, False), Place("OUT-1", "OUT-1"))
    with pytest.raises(Invalid, match="of another ordering"):
        decode_cursor(cursor, Ordering(SortField.ID, True))
