"""When answers open the circuit breaker: one too many within the window, and never by the wrong kind."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum

import pytest

from adapters.stellar.codes.meanings import Meaning, Remedy
from adapters.stellar.codes.transaction_codes import ALARMING, TRANSACTIONS
from domain.errors import Invalid
from domain.settlement.circuit_breakers import CircuitBreakerLimits, FailureCounter, check_reason
from tests.testkit.reasons import answered

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_one_refusal_too_many_within_the_window_opens_it() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=3), ALARMING)
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON) is None
    assert watch.record_answer(answered("ERROR txNO_ACCOUNT"), NOON + MINUTE) is None
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON + 2 * MINUTE) == (
        "3 sends within 10 minutes were refused for what only we can mend, the last one ERROR txBAD_AUTH"
    )


def test_it_counts_anew_once_it_has_opened() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1), ALARMING)
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON)
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON + MINUTE)
    watch = FailureCounter(CircuitBreakerLimits(alarms=2), ALARMING)
    record_answer = [
        watch.record_answer(answered("ERROR txBAD_AUTH"), NOON) is not None for _ in range(4)
    ]
    assert record_answer == [False, True, False, True]


def test_what_was_long_ago_is_forgotten() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=2, window=10 * MINUTE), ALARMING)
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON) is None
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON + 10 * MINUTE) is None
    assert watch.record_answer(answered("ERROR txBAD_AUTH"), NOON + 19 * MINUTE) is not None


def test_unknown_answers_have_a_measure_of_their_own() -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1, unknowns=2), ALARMING)
    assert watch.record_answer(answered("UNKNOWN ReadTimeout"), NOON) is None
    assert "with no answer to tell" in (
        watch.record_answer(answered("UNKNOWN ClientError"), NOON) or ""
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
def test_what_happens_to_honest_payments_is_no_alarm(answer: str) -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1, unknowns=1), ALARMING)
    assert [watch.record_answer(answered(answer), NOON) for _ in range(100)] == [None] * 100


def test_no_measure_is_no_alarm() -> None:
    watch = FailureCounter(CircuitBreakerLimits(), ALARMING)
    assert not any(watch.record_answer(answered("ERROR txBAD_AUTH"), NOON) for _ in range(100))
    assert not any(watch.record_answer(answered("UNKNOWN ReadTimeout"), NOON) for _ in range(100))


@pytest.mark.parametrize(("code", "meaning"), list(TRANSACTIONS.items()))
def test_what_pages_is_an_alarm_and_nothing_else(code: IntEnum, meaning: Meaning) -> None:
    watch = FailureCounter(CircuitBreakerLimits(alarms=1), ALARMING)
    record_answer = watch.record_answer(answered(f"ERROR {code.name}"), NOON) is not None
    assert record_answer == (meaning.remedy is Remedy.PAGE)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_a_reason_says_something(reason: str) -> None:
    with pytest.raises(Invalid, match="reason: must be 1 to 300"):
        check_reason(reason)
