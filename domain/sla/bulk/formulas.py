"""
Formulas: cells of a table that a spreadsheet would run instead of showing them.

A text gets an apostrophe before it where, after white space, quotes and what is invisible, it begins with
what begins a formula, or with a tab or the end of a line. Taking an apostrophe away before such a text gives
back what it was. Numbers are no texts, and stay what they are.
"""

import re

# Also in full width and in small forms, which spreadsheets of East Asia take for the plain ones.
STARTS = "=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b-"
_CONTROLS = "".join(map(chr, range(1, 0x20))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0)))
_SPACES = " \xa0\xad\u1680\u180e\u2028\u2029\u202f\u205f\u3000\u2060\ufeff" + "".join(
    map(chr, range(0x2000, 0x2010))
)
_QUOTES = "'\"`\xb4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\uff02\uff07"
SKIPPED = _CONTROLS + _SPACES + _QUOTES
# Read alike by Python and by PostgreSQL: no escapes, no ranges, and the hyphen last.
PATTERN = f"^[{SKIPPED}]*[\t\r\n{STARTS}]"
# By their first character, from the one to before the other: texts that cannot be one, as nearly all are.
PLAIN = (("A", "`"), ("a", "{"), ("0", ":"))
_FORMULA = re.compile(PATTERN)


def disarm_text(text: str) -> str:
    """Return the text of a cell, with an apostrophe before what a spreadsheet would run."""
    return f"'{text}" if _FORMULA.match(text) else text
