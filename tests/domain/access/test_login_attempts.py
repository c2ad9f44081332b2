"""Whoever fails waits twice as long each time, up to a quarter of an hour; the place is part of the count."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access.login_attempts import (
    DELAY_MAX,
    LoginFailures,
    compute_wait,
    derive_counter,
    get_network,
    name_place,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (12, 512), (13, 900), (10**6, 900)],
)
def test_the_wait_doubles_from_the_third_failure_on(count: int, seconds: int) -> None:
    assert compute_wait(LoginFailures(count, NOW), NOW) == timedelta(seconds=seconds)


def test_the_wait_is_over_when_its_time_has_passed() -> None:
    failures = LoginFailures(6, NOW)
    assert compute_wait(failures, NOW + timedelta(seconds=7)) == timedelta(seconds=1)
    assert compute_wait(failures, NOW + timedelta(seconds=8)) == timedelta(0)
    assert compute_wait(LoginFailures(10**6, NOW), NOW + DELAY_MAX) == timedelta(0)
    assert compute_wait(None, NOW) == timedelta(0)


def test_a_place_is_a_known_browser_or_a_network() -> None:
    assert name_place("10.0.0.1", None) != name_place("10.0.0.2", None)
    assert name_place("10.0.0.1", "d1") == name_place("10.0.0.2", "d1")
    # One person commands a whole /64.
    assert get_network("2001:db8::1") == get_network("2001:db8::ffff:1")
    assert get_network("2001:db8:1::1") != get_network("2001:db8:2::1")
    assert get_network("unix") == "unix"


def test_a_counter_tells_nothing_of_what_was_typed() -> None:
    counter = derive_counter("ada@example.com", "address/10.0.0.1")
    assert "ada" not in counter
    assert counter != derive_counter("ada@example.com", "address/10.0.0.2")
