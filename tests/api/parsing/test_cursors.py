"""A cursor names the last row of a page, and is good for its own list alone."""

from datetime import UTC, datetime

import pytest

from api.parsing.cursors import Position, decode_position, encode_position
from domain.errors import Invalid

AT = datetime(2026, 11, 30, 12, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("position", [Position(AT, "pay_1"), Position(None, "a b|ü")])
def test_a_cursor_is_read_back(position: Position) -> None:
    text = encode_position("payments", position)
    assert decode_position(text, "payments", dated=position.at is not None) == position


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "",
        "bm90IGpzb24",
        encode_position("disputes", Position(AT, "dsp_1")),
        encode_position("payments", Position(None, "pay_1")),
        encode_position("payments", Position(AT.replace(tzinfo=None), "pay_1")),
        encode_position("payments", Position(AT, "pay\x00")),
        encode_position("payments", Position(AT, "\ud800")),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="send the next_cursor of an earlier page"):
        decode_position(text, "payments", dated=True)
