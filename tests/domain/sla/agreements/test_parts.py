"""The id of a part says what it is a part of, fits, and is that of no other."""

from hypothesis import given
from hypothesis import strategies as st

from domain.sla.agreements.parts import ID_MAX, is_part, make_part_id

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", fullmatch=True)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,99}", fullmatch=True)


def test_a_short_id_is_both_names() -> None:
    assert make_part_id("OUT-1", "north") == "OUT-1~north"


@given(ids, names, names)
def test_a_part_has_an_id_of_its_own_that_fits(outage_id: str, one: str, other: str) -> None:
    made = make_part_id(outage_id, one)
    assert len(made) <= ID_MAX
    assert is_part(made)
    assert not is_part(outage_id)
    assert (made == make_part_id(outage_id, other)) == (one == other)
