"""Networks of the same name are distinguished by the numbers and times of their ledgers."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ChainMismatch
from domain.networks import NetworkState, check_network, choose_protocol

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
