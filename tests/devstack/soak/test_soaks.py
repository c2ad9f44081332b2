"""The verdict of a soak names whatever is wrong, and the skies it is held under can be repeated."""

import random
from itertools import islice
from typing import Any

import pytest

from devstack.soak.chain_history import HistoryTransfer
from devstack.soak.fault_schedules import draw_fault_plans
from devstack.soak.results import SoakResult, compare_with_chain
from stellar_sandbox.faults.fault_plan import Fault

PAID = {
    "id": "pay_1",
    "number": 1,
    "status": "confirmed",
    "amount_stroops": 500,
    "transaction_hash": "aa",
    "status_reason": None,
}
WAITING = PAID | {"status": "blocked", "transaction_hash": None, "status_reason": "no trustline"}
SEEN = HistoryTransfer("aa", 1, 500, "GBOND", "GPAYEE")
NOTHING: dict[str, list[Any]] = {"double": [], "lost": [], "differing": []}


@pytest.mark.parametrize(
    ("row", "seen", "wrong"),
    [
        (PAID, [SEEN], {}),
        (WAITING, [], {}),
        (PAID, [SEEN, HistoryTransfer("bb", 1, 500, "GBOND", "GPAYEE")], {"double": [1]}),
        (PAID, [], {"differing": [1]}),
        (PAID, [HistoryTransfer("bb", 1, 500, "GBOND", "GPAYEE")], {"differing": [1]}),
        (PAID, [HistoryTransfer("aa", 1, 499, "GBOND", "GPAYEE")], {"differing": [1]}),
        (PAID, [SEEN, HistoryTransfer("cc", 2, 1, "GBOND", "GPAYEE")], {"differing": [2]}),
        (PAID | {"status": "submitted"}, [], {"lost": ["pay_1"]}),
        (WAITING | {"status_reason": None}, [], {"lost": ["pay_1"]}),
        (WAITING, [SEEN], {"differing": [1]}),
    ],
)
def test_each_problem_of_a_soak_is_named(
    row: dict[str, Any], seen: list[HistoryTransfer], wrong: dict[str, list[Any]]
) -> None:
    assert compare_with_chain([row], seen) == NOTHING | wrong


def test_a_single_violation_makes_a_soak_unclean() -> None:
    assert SoakResult(1, {}, 1.0, {}, 0).clean
    for found in ({"double": [1]}, {"lost": ["a"]}, {"differing": [1]}, {"unbalanced": ["a"]}):
        assert not SoakResult(1, {}, 1.0, {}, 0, **found).clean  # type: ignore[arg-type]


def test_a_seed_makes_the_same_weather_again_and_every_plan_is_one_the_chain_takes() -> None:
    first, again = (
        list(islice(draw_fault_plans(random.Random(3), ["GA", "GB"]), 60)) for _ in range(2)
    )
    assert first == again
    assert {fault["kind"] for sky in first for fault in sky} >= {"node_down", "surge_fee"}
    assert [] in first
    for sky in first:
        for fault in sky:
            Fault.read(fault)
