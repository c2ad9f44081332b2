"""Canonical JSON is RFC 8785's: held to the numbers and samples it prints, and to a JavaScript engine."""

import json
import shutil
import struct
import subprocess
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from domain.digests import INTEGER_MAX, NotCanonical, encode

# RFC 8785, Appendix B: the bits of a double, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
# A JavaScript engine canonicalizes by the recipe of RFC 8785, Appendix A: sort, then stringify.
ORACLE = """
const sorted = v => Array.isArray(v) ? v.map(sorted) : v && typeof v === "object"
  ? new Map(Object.keys(v).sort().map(k => [k, sorted(v[k])])) : v;
const text = v => v instanceof Map
  ? "{" + [...v].map(([k, i]) => JSON.stringify(k) + ":" + text(i)).join(",") + "}"
  : Array.isArray(v) ? "[" + v.map(text).join(",") + "]" : JSON.stringify(v);
const all = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(all.map(v => text(sorted(v)))));
"""
characters = st.characters(exclude_categories=["Cs"])
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(characters), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(("bits", "written"), NUMBERS.items())
def test_numbers_are_written_as_in_the_rfc(bits: str, written: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert encode(value).decode() == written


def test_the_sample_of_the_rfc() -> None:
    """Section 3.2.2 gives the input, section 3.2.4 the bytes."""
    content = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert (
        encode(content)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_names_are_sorted_as_in_the_rfc() -> None:
    """Section 3.2.3: by UTF-16 code units, which puts an emoji before a Hebrew presentation form."""
    content = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(encode(content)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@given(plain)
def test_written_json_round_trips(content: Any) -> None:
    # A large double is written without a point; a reader has to take it for a double again.
    read = json.loads(encode(content), parse_int=float)
    assert read == content
    assert encode(read) == encode(content)


@pytest.mark.parametrize("name", ["a", "é", "\U0001f600", "\x00", "\x7f", "\u2028", '"', "\\"])
def test_strings_are_escaped_only_where_required(name: str) -> None:
    must = {"\x00": '"\\u0000"', '"': '"\\""', "\\": '"\\\\"'}
    assert encode(name).decode() == must.get(name, f'"{name}"')


@pytest.mark.parametrize(
    "content",
    [
        INTEGER_MAX + 1,
        -INTEGER_MAX - 1,
        {"amount_stroops": 10**18},
        [float("nan")],
        float("inf"),
        "\ud800",
        {"\udfff": 1},
        {1: "one"},
        {"a": object()},
        b"bytes",
    ],
)
def test_values_without_a_canonical_form_are_refused(content: Any) -> None:
    with pytest.raises(NotCanonical):
        encode(content)


def test_the_largest_53_bit_integers_are_written() -> None:
    assert encode([INTEGER_MAX, -INTEGER_MAX]) == b"[9007199254740991,-9007199254740991]"


@given(plain)
def test_an_independent_library_writes_the_same_bytes(content: Any) -> None:
    assert encode(content) == rfc8785.dumps(content)


def test_a_javascript_engine_writes_the_same_bytes() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, which is only here to hold against")
    contents: list[Any] = []

    @given(st.lists(plain, min_size=1, max_size=4))
    def collect(drawn: list[Any]) -> None:
        contents.extend(drawn)

    collect()
    contents += [struct.unpack(">d", bytes.fromhex(bits))[0] for bits in NUMBERS]
    contents.append({"\ufb33": 1, "\U0001f600": 2, "10": 3, "9": 4, "__proto__x": 5})
    answered = subprocess.run(
        [node, "-e", ORACLE], input=json.dumps(contents).encode(), capture_output=True, check=True
    )
    theirs = json.loads(answered.stdout)
    assert [encode(content).decode() for content in contents] == theirs
    assert len(theirs) > 100
