"""An impossible outage is refused naming the field; the MTTR follows the agreement."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Invalid
from domain.requests import Request
from domain.sla.disputes import DisputeDecision
from domain.sla.outage_rules import (
    AGE_MAX,
    CLOCK_SKEW,
    check_amendment,
    check_corrected_minutes,
    check_outage,
    check_resolution,
)
from domain.sla.outages import (
    AMENDABLE_ALWAYS,
    AMENDABLE_WHILE_DECLARED,
    Location,
    Outage,
    Resolution,
    apply_amendment,
)
from domain.sla.verdicts import Severity

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
START = NOW - timedelta(hours=1)
OUTAGE = Outage("OUT-1", "Tower 7", Severity.HIGH, START)
ASKED = Request("ops", "corr")


def test_a_plain_outage_is_accepted() -> None:
    check_outage(OUTAGE, NOW)


@pytest.mark.parametrize("id_", ["A", "OUT-1738310400000", "a.b_c:d-e", "x" * 64])
def test_valid_ids_are_accepted(id_: str) -> None:
    check_outage(replace(OUTAGE, id=id_), NOW)


@pytest.mark.parametrize("place", [Location(90, 180), Location(-90, -180), Location(0, 0)])
def test_every_place_on_earth_is_accepted(place: Location) -> None:
    check_outage(replace(OUTAGE, location=place), NOW)


@pytest.mark.parametrize("id_", ["", "x" * 65, "-x", "a b", "a/b", "é", "a\n", "a\x00", "٣"])
def test_ids_that_no_url_or_workflow_id_can_carry_are_refused(id_: str) -> None:
    assert _find_invalid_field({"id": id_}) == "id"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"site_name": "  "}, "site_name"),
        ({"site_name": "x" * 201}, "site_name"),
        ({"site_id": "x" * 101}, "site_id"),
        ({"description": "x" * 2001}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"assigned_to": "\x00"}, "assigned_to"),
        ({"affected_services": ["x"] * 101}, "affected_services"),
        ({"affected_services": ["x" * 201]}, "affected_services"),
        ({"affected_subscribers": -1}, "affected_subscribers"),
        ({"affected_subscribers": 2**53}, "affected_subscribers"),
        ({"location": Location(90.0001, 0)}, "location.latitude"),
        ({"location": Location(-90.0001, 0)}, "location.latitude"),
        ({"location": Location(0, 180.0001)}, "location.longitude"),
        ({"location": Location(0, -180.0001)}, "location.longitude"),
        ({"location": Location(0, float("nan"))}, "location.longitude"),
        ({"detected_at": START.replace(tzinfo=None)}, "detected_at"),
        ({"detected_at": NOW + CLOCK_SKEW + timedelta(seconds=1)}, "detected_at"),
        ({"detected_at": datetime(1, 1, 1, tzinfo=UTC)}, "detected_at"),
        ({"detected_at": datetime(1970, 1, 1, tzinfo=UTC)}, "detected_at"),
        ({"detected_at": datetime(1999, 12, 31, tzinfo=UTC)}, "detected_at"),
        ({"detected_at": NOW - AGE_MAX - timedelta(seconds=1)}, "detected_at"),
    ],
)
def test_an_impossible_outage_is_refused(change: dict[str, Any], field: str) -> None:
    assert _find_invalid_field(change) == field


def _find_invalid_field(change: dict[str, Any]) -> str:
    with pytest.raises(Invalid) as refusal:
        check_outage(replace(OUTAGE, **change), NOW)
    return refusal.value.field


def test_a_detection_slightly_in_the_future_is_accepted() -> None:
    check_outage(replace(OUTAGE, detected_at=NOW + CLOCK_SKEW), NOW)


@pytest.mark.parametrize(
    ("resolution", "field"),
    [
        (Resolution(ASKED), "resolved_at"),
        (Resolution(ASKED, START), "resolved_at"),
        (Resolution(ASKED, START - timedelta(seconds=1)), "resolved_at"),
        (Resolution(ASKED, NOW + timedelta(hours=1)), "resolved_at"),
        (Resolution(ASKED, NOW.replace(tzinfo=None)), "resolved_at"),
        (Resolution(ASKED, None, -1), "mttr_minutes"),
        (Resolution(ASKED, None, 2**32), "mttr_minutes"),
        # No calendar has that instant, and no activity could store it.
        (Resolution(ASKED, None, 2**32 - 1), "mttr_minutes"),
        (Resolution(ASKED, START, 0), "resolved_at"),
        # Go's zero time, and others that no clock has shown.
        (Resolution(ASKED, datetime(1, 1, 1, tzinfo=UTC)), "resolved_at"),
        # It contradicts the other: 15 minutes, not 7.
        (Resolution(ASKED, START + timedelta(minutes=15), 7), "mttr_minutes"),
        (Resolution(ASKED, START + timedelta(minutes=15), 17), "mttr_minutes"),
    ],
)
def test_an_impossible_end_is_refused(resolution: Resolution, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_resolution(OUTAGE, resolution, NOW)
    assert refusal.value.field == field


def test_stated_minutes_may_not_end_beyond_now() -> None:
    since_then = (NOW - START) // timedelta(minutes=1)
    check_resolution(OUTAGE, Resolution(ASKED, None, since_then + 1), NOW)  # rounded up
    with pytest.raises(Invalid, match=rf"^mttr_minutes: .* it is {since_then} minutes at most now"):
        check_resolution(OUTAGE, Resolution(ASKED, None, since_then + 2), NOW)


@pytest.mark.parametrize("minutes", [-1, 2**32, 10**30])
def test_a_decision_obeys_the_rules_of_a_repair(minutes: int) -> None:
    decision = DisputeDecision("dsp_1", True, ASKED, mttr_minutes=5)
    check_corrected_minutes(OUTAGE, decision, NOW)
    with pytest.raises(Invalid) as refusal:
        check_corrected_minutes(OUTAGE, replace(decision, mttr_minutes=minutes), NOW)
    assert refusal.value.field == "mttr_minutes"
    with pytest.raises(Invalid, match="in the future"):
        check_corrected_minutes(OUTAGE, decision, START + timedelta(minutes=3))


def test_the_mttr_is_measured_unless_it_is_stated() -> None:
    end = START + timedelta(minutes=15, seconds=59)
    check_resolution(OUTAGE, Resolution(ASKED, end), NOW)
    assert Resolution(ASKED, end).get_times(OUTAGE) == (end, 15)
    check_resolution(OUTAGE, Resolution(ASKED, end, 16), NOW)
    assert Resolution(ASKED, end, 16).get_times(OUTAGE) == (end, 16)
    stated = Resolution(ASKED, None, 7).get_times(OUTAGE)
    assert stated == (START + timedelta(minutes=7), 7)


def test_the_fingerprint_changes_with_every_field() -> None:
    changes: list[dict[str, Any]] = [
        {"id": "OUT-2"},
        {"site_name": "Tower 8"},
        {"severity": Severity.LOW},
        {"detected_at": START + timedelta(microseconds=1)},
        {"description": "x"},
        {"affected_services": ["lte"]},
        {"location": Location(1.0, 2.0)},
        {"policy": "standard"},
    ]
    prints = {replace(OUTAGE, **change).fingerprint() for change in changes}
    assert len(prints | {OUTAGE.fingerprint()}) == len(changes) + 1
    assert replace(OUTAGE).fingerprint() == OUTAGE.fingerprint()


def test_an_amendment_reads_plain_json() -> None:
    place = {"latitude": 51.5, "longitude": -0.1}
    corrected = apply_amendment(
        OUTAGE, {"severity": "low", "location": place, "root_cause": "fibre cut"}
    )
    assert corrected == replace(OUTAGE, severity=Severity.LOW, location=Location(51.5, -0.1))


def test_an_amendment_obeys_the_rules_of_a_declaration() -> None:
    with pytest.raises(Invalid, match="site_name: must not be empty"):
        check_amendment(OUTAGE, {"site_name": " "})


def test_what_a_verdict_rests_on_cannot_be_amended_after_it() -> None:
    assert AMENDABLE_ALWAYS < AMENDABLE_WHILE_DECLARED
    assert not AMENDABLE_ALWAYS & {"severity", "site_name", "affected_services"}
    assert not AMENDABLE_WHILE_DECLARED & {"id", "detected_at", "policy"}
