"""One person has one address, however it is typed."""

import json
from typing import Any

import pytest

from domain.access.people import check_password, check_preferences, normalize_email
from domain.errors import Invalid


@pytest.mark.parametrize(
    "typed", ["Ada@Example.com", "  ada@example.com\t", "ADA@EXAMPLE.COM", "ａda@example.com"]
)
def test_an_address_has_one_spelling(typed: str) -> None:
    assert normalize_email(typed) == "ada@example.com"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "a b@example.com",
        "a@b@c.de",
        "x" * 95 + "@a.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match=r"^email: must be an e-mail address"):
        normalize_email(typed)


@pytest.mark.parametrize(
    "password", ["1234567", "x" * 129, "abcabcabc", "ada@example.com", "ADA@example.com"]
)
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match=r"^password: "):
        check_password(password, "ada@example.com")
    check_password("secure123", "ada@example.com")


def nest(depth: int) -> Any:
    return json.loads('{"a":' * depth + "1" + "}" * depth)


@pytest.mark.parametrize(
    ("preferences", "word"),
    [
        ({"a": "\x00"}, "null byte"),
        ({"\x00": 1}, "null byte"),
        ({"a": [{"b": "\ud800"}]}, "surrogate"),
        ({"a": float("inf")}, "a number"),
        ({"a": [float("nan")]}, "a number"),
        ({"a": "x" * 17_000}, "at most 16384 bytes"),
        (nest(101), "at most 100 deep"),
    ],
)
def test_preferences_that_could_not_be_shown_again_are_refused(
    preferences: dict[str, Any], word: str
) -> None:
    with pytest.raises(Invalid, match=word):
        check_preferences(preferences)


@pytest.mark.parametrize("preferences", [{"a": "\\u0000"}, {"a": 2**70}, {"a": -1.5e300}, nest(99)])
def test_preferences_are_whatever_json_can_say(preferences: dict[str, Any]) -> None:
    check_preferences(preferences)
