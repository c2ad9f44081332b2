"""A key carries its id and a checksum, by which it is found in texts where it has no place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access.api_keys import NAME, format_key, get_id, is_mistyped

KEY = format_key(bytes(range(8)), bytes(range(32)))


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=32, max_size=32))
def test_every_key_has_one_form(id_: bytes, secret: bytes) -> None:
    key = format_key(id_, secret)
    assert len(key) == 4 + 13 + 1 + 43 + 1 + 6
    assert not is_mistyped(key)
    assert key.split("_")[1] == get_id(key)


def test_this_key_stays_what_it_is() -> None:
    assert get_id(KEY) == "0002sk3zitmo7"
    assert "apx_0002sk3zitmo7_" + KEY.split("_", 2)[2] == KEY


@pytest.mark.parametrize("at", [4, 10, 20, 40, len(KEY) - 1])
def test_a_letter_that_is_wrong_is_noticed(at: int) -> None:
    other = "z" if KEY[at] != "z" else "y"
    assert is_mistyped(KEY[:at] + other + KEY[at + 1 :])
    assert is_mistyped(KEY[:-1])


def test_a_key_that_an_operator_chose_is_none_of_ours() -> None:
    assert not is_mistyped("key-of-an-operator-0001")
    assert get_id("key-of-an-operator-0001") == ""


@pytest.mark.parametrize("name", ["Ada", "-x", "", "a@b.c"])
def test_a_name_cannot_be_taken_for_a_persons(name: str) -> None:
    """People are named by their e-mail address."""
    assert NAME.fullmatch(name) is None
