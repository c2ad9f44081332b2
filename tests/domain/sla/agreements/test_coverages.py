"""Which agreements an outage falls under, and which of them comes first."""

from hypothesis import given
from hypothesis import strategies as st

from domain.sla.agreements.coverages import Match, choose_agreements

matches = st.builds(
    Match,
    st.sampled_from([f"agreement-{n}" for n in range(5)]),
    st.integers(1, 3),
    st.none(),
    st.sampled_from(["north", "south"]),
    *(st.booleans() for _ in range(4)),
)
several = st.lists(matches, max_size=5, unique_by=lambda match: match.agreement)


def make_match(agreement: str, *, site: bool | None, service: bool | None) -> Match:
    """None: the version names none of that kind; else whether it names that of the outage."""
    return Match(
        *(agreement, 1, None, "north", site is not None, service is not None),
        *(bool(site), bool(service)),
    )


def test_a_version_covers_what_it_names_and_nothing_if_it_names_nothing() -> None:
    covering = {
        (site, service): make_match("a", site=site, service=service).covers
        for site in (None, False, True)
        for service in (None, False, True)
    }
    assert {each for each, covers in covering.items() if covers} == {
        (True, None),
        (None, True),
        (True, True),
    }


def test_the_most_specific_comes_first_then_sites_then_names() -> None:
    found = choose_agreements(
        [
            make_match("b-service", site=None, service=True),
            make_match("a-site", site=True, service=None),
            make_match("z-both", site=True, service=True),
            make_match("c-site", site=True, service=None),
            make_match("fallback", site=None, service=None),
        ],
        "fallback",
    )
    assert [match.agreement for match in found] == ["z-both", "a-site", "c-site", "b-service"]


@given(several, st.sampled_from(["agreement-0", "none"]), st.none() | st.just("north"))
def test_all_that_cover_it_are_found_and_the_fallback_only_when_none_does(
    found: list[Match], fallback: str, customer: str | None
) -> None:
    chosen = choose_agreements(found, fallback, customer)
    theirs = [match for match in found if customer in (None, match.beneficiary_party)]
    covering = {match.agreement for match in theirs if match.covers}
    if covering:
        assert {match.agreement for match in chosen} == covering
    else:
        assert chosen == [match for match in theirs if match.agreement == fallback]
    assert chosen == choose_agreements(found[::-1], fallback, customer)
