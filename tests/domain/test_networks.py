"""Networks of the same name are distinguished by the numbers and times of their ledgers."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ChainMismatch
from domain.networks import (
    ChainReading,
    NetworkState,
    ReadingBound,
    check_network,
    choose_protocol,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
KNOWN = NetworkState("Test", 27, 1_000, NOON)


def make_state(ledger: int, seconds: int) -> NetworkState:
    return NetworkState("Test", 27, ledger, NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "found",
    [make_state(1_000, 0), make_state(1_001, 5), make_state(999, -5), make_state(5, -4_975)],
    ids=["as known", "further", "a node behind", "a node far behind"],
)
def test_a_node_behind_on_the_same_network_is_accepted(found: NetworkState) -> None:
    check_network(KNOWN, found)
    check_network(None, found)


@pytest.mark.parametrize("found", [make_state(5, 60), make_state(999, 1)])
def test_fewer_ledgers_closed_later_are_another_network(found: NetworkState) -> None:
    with pytest.raises(ChainMismatch, match=f"was reset: ledger {found.ledger}"):
        check_network(KNOWN, found)


@pytest.mark.parametrize(
    ("versions", "agreed_on"), [([27, 27, 28], 27), ([27, 28, 28], 28), ([27, 28], 28), ([27], 27)]
)
def test_the_protocol_is_that_of_most_nodes_and_of_two_the_higher(
    versions: list[int], agreed_on: int
) -> None:
    assert (
        choose_protocol({f"node {n}": version for n, version in enumerate(versions)}) == agreed_on
    )


BOUND = ReadingBound(100, timedelta(seconds=60))


def test_nothing_is_unread_when_all_up_to_the_bound_is_read_and_lately() -> None:
    read = ChainReading(100, 103)
    assert read.is_current
    assert BOUND.find_unread(read, NOON, NOON + timedelta(seconds=60)) is None


def test_a_reading_far_behind_the_newest_ledger_is_not_current() -> None:
    assert not ChainReading(100, 104).is_current


@pytest.mark.parametrize(
    ("reading", "current_at", "seconds", "sentence"),
    [
        (ChainReading(99, 99), NOON, 0, "not read up to ledger 100 yet"),
        (ChainReading(100, 200), None, 0, "not read up to ledger 100 yet"),
        (ChainReading(100, 100), NOON, 61, "could not be read since 2026-01-31 12:00:00 UTC"),
        (ChainReading(100, 100, (), NOON), NOON, 0, "restored at 2026-01-31 12:00:00 UTC"),
        (
            ChainReading(100, 100, ("ledgers/5-9",)),
            NOON,
            0,
            "close the break history_gap of ledgers/5-9",
        ),
    ],
)
def test_what_is_unread_is_said_and_stays_the_same_sentence(
    reading: ChainReading, current_at: datetime | None, seconds: int, sentence: str
) -> None:
    now = NOON + timedelta(seconds=seconds)
    found = BOUND.find_unread(reading, current_at, now)
    assert found is not None
    assert sentence in found
    assert BOUND.find_unread(reading, current_at, now + timedelta(hours=1)) == found


def test_a_restored_database_raises_the_bound_and_never_lowers_it() -> None:
    assert BOUND.raised_to(124).required_ledger == 124
    assert BOUND.raised_to(7) == BOUND
