"""Answers open the circuit breaker above a threshold within the window, and only answers of the right kind."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum

import pytest

from adapters.stellar.codes.meanings import Meaning, Remedy
from adapters.stellar.codes.transaction_codes import ALARMING, TRANSACTIONS
from domain.errors import Invalid
from domain.settlement.circuit_breakers import CircuitBreakerLimits, FailureCounter, check_reason
from tests.testkit.reasons import parse_answer

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_one_refusal_above_the_threshold_within_the_window_opens_it() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=3), ALARMING)
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON) is None
    assert watch.record_answer(parse_answer("ERROR txNO_ACCOUNT"), NOON + MINUTE) is None
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON + 2 * MINUTE) == (
        "3 sends within 10 minutes were refused with a code that only we can mend, the last one ERROR txBAD_AUTH"
    )


def test_counting_restarts_after_it_opened() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1), ALARMING)
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON)
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON + MINUTE)
    watch = FailureCounter(CircuitBreakerLimits(alarms=2), ALARMING)
    record_answer = [
        watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON) is not None for _ in range(4)
    ]
    assert record_answer == [False, True, False, True]


def test_refusals_outside_the_window_are_forgotten() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=2, window=10 * MINUTE), ALARMING)
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON) is None
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON + 10 * MINUTE) is None
    assert watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON + 19 * MINUTE) is not None


def test_unknown_answers_have_a_threshold_of_their_own() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1, unknowns=2), ALARMING)
    assert watch.record_answer(parse_answer("UNKNOWN ReadTimeout"), NOON) is None
    assert "without a readable answer" in (
        watch.record_answer(parse_answer("UNKNOWN ClientError"), NOON) or ""
    )


@pytest.mark.parametrize(
    "answer",
    [
        "PENDING",
        "DUPLICATE",
        "TRY_AGAIN_LATER",
        "ERROR txBAD_SEQ",
        "ERROR txTOO_LATE",
        "ERROR txINSUFFICIENT_FEE",
    ],
)
def test_ordinary_failures_do_not_count(answer: str) -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1, unknowns=1), ALARMING)
    assert [watch.record_answer(parse_answer(answer), NOON) for _ in range(100)] == [None] * 100


def test_without_a_threshold_it_never_opens() -> None:
    watch = FailureCounter(CircuitBreakerLimits(), ALARMING)
    assert not any(watch.record_answer(parse_answer("ERROR txBAD_AUTH"), NOON) for _ in range(100))
    assert not any(
        watch.record_answer(parse_answer("UNKNOWN ReadTimeout"), NOON) for _ in range(100)
    )


@pytest.mark.parametrize(("code", "meaning"), list(TRANSACTIONS.items()))
def test_only_alarm_codes_page(code: IntEnum, meaning: Meaning) -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1), ALARMING)
    opens = watch.record_answer(parse_answer(f"ERROR {code.name}"), NOON) is not None
    assert opens == (meaning.remedy is Remedy.PAGE)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_an_empty_or_overlong_reason_is_refused(reason: str) -> None:
    with pytest.raises(Invalid, match="reason: must be 1 to 300"):
        check_reason(reason)
