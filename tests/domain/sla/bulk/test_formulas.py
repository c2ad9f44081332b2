"""No text of a cell begins with what a spreadsheet runs, and none is lost."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sla.bulk.formulas import disarm_text

PLAIN = "=+-@"
QUOTES = "\"'`´‘’“”„‚＂＇"


def begins_formula(cell: str) -> bool:
    """Say it in another way than the code: forget what a spreadsheet may skip, and fold wide letters."""
    if cell[:1] == "'":
        return False  # by which a spreadsheet knows a text
    for letter in cell:
        if letter in "\t\r\n" or unicodedata.normalize("NFKC", letter) in tuple(PLAIN):
            return True
        invisible = unicodedata.category(letter) in ("Cc", "Cf", "Zs", "Zl", "Zp")
        if not (invisible or letter in QUOTES):
            return False
    return False


HOSTILE = st.text(
    st.sampled_from(
        f"{PLAIN}＝＋－＠﹦﹢﹣﹫ \t\r\n\x0b\x1f\x85\xa0\u3000\u200b\ufeff{QUOTES}ab1(,;|"
    )
)


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1+2", "@SUM(1)", "\tx", "\rx", "\nx", " =1", '"=1', "'=1", "' =1"),
        *("＝1", "＋1", "－1", "＠1", "\ufeff=1", "\u200b=1", "\u3000=1", "\x01=1", "“=1", " \tx"),
        '=HYPERLINK("http://127.0.0.1/?"&A1)',
    ],
)
def test_what_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    assert begins_formula(text) or text[0] == "'"
    assert disarm_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Mast 7", "a = b", "1-2", "it's", "'quoted'", "100 %", "é=1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert disarm_text(text) == text


@given(HOSTILE)
def test_no_cell_begins_a_formula_and_the_text_comes_back(text: str) -> None:
    cell = disarm_text(text)
    assert not begins_formula(cell)
    assert cell in (text, f"'{text}")
    # Whoever takes the apostrophe away before what would be run again has the text.
    if cell[:1] == "'" and disarm_text(cell[1:]) != cell[1:]:
        assert cell[1:] == text
    else:
        assert cell == text
