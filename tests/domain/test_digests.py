"""Equal content has equal bytes and digests everywhere, and other content has others."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.digests import canonicalize, compute_fingerprint, derive_id, format_instant
from domain.sla.verdicts import Severity

# Two names are enough for an order, and what is long takes long to draw.
names = st.text("abcé", max_size=4)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


@dataclass(frozen=True)
class Fact:
    severity: Severity
    at: datetime
    where: tuple[float, float]


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_the_canonical_bytes_and_digest_never_change() -> None:
    """Changing them would orphan every digest on record."""
    fact = Fact(Severity.HIGH, NOON, (0.1, 51.5))
    assert canonicalize(fact) == (
        b'{"at":"2026-01-31T12:00:00.000000Z","severity":"high","where":[0.1,51.5]}'
    )
    assert canonicalize({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert (
        compute_fingerprint({})
        == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    assert derive_id("evt", "a", "b") == "evt_f04cdced9736a69da6103f08"


@given(st.dictionaries(names, plain, max_size=6))
def test_the_digest_does_not_depend_on_key_order(content: dict[str, Any]) -> None:
    assert canonicalize(dict(reversed(content.items()))) == canonicalize(content)


def test_an_instant_has_one_digest_in_every_time_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
    assert format_instant(elsewhere) == format_instant(NOON) == "2026-01-31T12:00:00.000000Z"


@pytest.mark.parametrize("parts", [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c")])
def test_the_parts_of_a_derived_id_are_separated(parts: tuple[str, ...]) -> None:
    others = {("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c")} - {parts}
    assert derive_id("x", *parts) not in {derive_id("x", *other) for other in others}
    assert derive_id("x", *parts) == derive_id("x", *parts)
