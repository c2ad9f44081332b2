"""Money is whole stroops: amounts round-trip, and nothing is ever rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.money import STROOPS_MAX, convert_to_stroops, format_amount, parse_amount

amounts = st.integers(1, STROOPS_MAX)


@given(amounts)
def test_written_amounts_read_back_to_the_stroop(amount: int) -> None:
    assert parse_amount(format_amount(amount)) == amount


@given(amounts)
def test_a_negative_amount_is_written_with_a_sign(amount: int) -> None:
    assert format_amount(-amount) == f"-{format_amount(amount)}"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.0000001", 1),
        ("1", 10_000_000),
        ("12.5", 125_000_000),
        ("12.5000000", 125_000_000),
        ("922337203685.4775807", STROOPS_MAX),
    ],
)
def test_plain_decimals_are_parsed(text: str, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        *("1e3", "1E3", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "1,5", "", " ", "."),
        *(" 1", "1 ", "1\n", "+1", "-1", "01", "00.1", ".5", "5.", "1.2.3", "USDC 1"),
        *("0", "0.0", "0.0000000", "1.00000001", "0.00000001", "922337203685.4775808"),
        *("9999999999999", "1" * 400, "١٢", "１", "²", "1٫5", "1.٥", "½", "1\u200b", "1\x00"),
    ],
)
def test_other_text_is_refused_naming_the_field(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_amount(text, "price")
    assert refusal.value.field == "price"


@given(st.text(max_size=20))
def test_only_plain_positive_decimals_are_parsed(text: str) -> None:
    try:
        amount = parse_amount(text)
    except Invalid:
        return
    assert 0 < amount <= STROOPS_MAX
    assert text.isascii()
    assert format_amount(amount) == (text.rstrip("0").rstrip(".") if "." in text else text)


def test_written_amounts_have_no_trailing_zeros() -> None:
    written = [format_amount(amount) for amount in (0, 1, 10, 10_000_000, 125_000_000, -1)]
    assert written == ["0", "0.0000001", "0.000001", "1", "12.5", "-0.0000001"]


def test_whole_units_keep_their_sign() -> None:
    assert (convert_to_stroops(3), convert_to_stroops(-3), convert_to_stroops(0)) == (
        30_000_000,
        -30_000_000,
        0,
    )
