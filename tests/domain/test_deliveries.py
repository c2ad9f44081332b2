"""How long a receiver is waited for, and when it is given up."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deliveries import (
    ATTEMPTS_MAX,
    DISABLING_AFTER,
    DISABLING_FAILURES,
    JITTER,
    RETRY_AFTER_MAX,
    DeliveryAttempt,
    compute_pause,
    find_disabling_reason,
    parse_retry_after,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_receiver_is_tried_over_a_week_and_a_day() -> None:
    pauses = [compute_pause(attempt, None, NOW, 0) for attempt in range(1, ATTEMPTS_MAX)]
    seconds = [pause.total_seconds() for pause in pauses if pause]
    assert seconds[:6] == [5, 30, 120, 600, 1800, 3600]
    assert len(seconds) == 17
    assert timedelta(days=8) < timedelta(seconds=sum(seconds)) < timedelta(days=9)
    assert compute_pause(ATTEMPTS_MAX, None, NOW, 0) is None
    assert compute_pause(ATTEMPTS_MAX, "5", NOW, 0) is None


@given(st.integers(1, ATTEMPTS_MAX - 1), st.floats(0, 1), st.none() | st.text())
def test_a_pause_only_becomes_longer(attempt: int, jitter: float, said: str | None) -> None:
    plain = compute_pause(attempt, None, NOW, 0)
    given_ = compute_pause(attempt, said, NOW, jitter)
    assert plain is not None
    assert given_ is not None
    assert plain <= given_ <= max(plain, RETRY_AFTER_MAX) * (1 + JITTER)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("120", 120 * SECOND),
        (" 0 ", timedelta()),
        (format_datetime(NOW + 90 * SECOND, usegmt=True), 90 * SECOND),
        (format_datetime(NOW - 90 * SECOND, usegmt=True), timedelta()),
        ("9" * 400, RETRY_AFTER_MAX),
        *[(text, timedelta()) for text in (None, "", "soon", "-5", "1.5", "٣", "Mon, 99 Foo")],
        # Beyond what a date can be.
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", timedelta()),
    ],
)
def test_what_a_receiver_asks_for_is_read_as_the_standard_says(
    said: str | None, asked: timedelta
) -> None:
    assert parse_retry_after(said, NOW) == asked


def test_a_receiver_that_asks_for_a_pause_gets_it_up_to_a_day() -> None:
    assert compute_pause(1, "3600", NOW, 0) == timedelta(hours=1)
    assert compute_pause(1, str(10**8), NOW, 0) == RETRY_AFTER_MAX
    assert compute_pause(11, "3600", NOW, 0) == timedelta(days=1)


def attempt(code: int | None) -> DeliveryAttempt:
    return DeliveryAttempt("dlv_1", 1, NOW, 20, code, "no answer")


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    assert "410 Gone" in (find_disabling_reason(attempt(410), 1, NOW) or "")


@pytest.mark.parametrize(
    ("failures", "ago", "disabled"),
    [
        (DISABLING_FAILURES, DISABLING_AFTER, True),
        (DISABLING_FAILURES - 1, DISABLING_AFTER, False),
        (DISABLING_FAILURES, DISABLING_AFTER - SECOND, False),
        (10_000, timedelta(), False),
    ],
)
def test_a_receiver_is_disabled_after_days_and_many_failures(
    failures: int, ago: timedelta, disabled: bool
) -> None:
    assert (find_disabling_reason(attempt(None), failures, NOW - ago) is not None) == disabled


def test_one_that_just_succeeded_is_not() -> None:
    assert find_disabling_reason(attempt(200), 0, None) is None
