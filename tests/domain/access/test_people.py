"""One person has one address, however it is typed."""

import pytest

from domain.access.people import check_password, normalize_email
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
