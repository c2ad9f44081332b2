"""
Two thousand schedules that nobody has played before: drawn from a seed that is fresh each time, and
printed at the top of the run. `SEED=123 make test-system` draws the same ones again.

What is drawn, and what must hold, is what tests/test_exactly_once.py plays the same every time. The
parts draw from seeds of their own, and share nothing: each may run on another worker.
"""

import os

import pytest

from devstack.environment.stack import Stack
from tests.simulation.runs import (
    MET_BY_BATCHES,
    MET_BY_COPIES,
    MET_BY_RESTORED,
    divide,
    play_batches,
    play_copies,
    play_restored,
    play_single,
)

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
BATCHES = SCHEDULES // 4
PARTS = 2
COMMAND = ".venv/bin/python -m pytest tests/system/settlement/test_schedules.py"
pytestmark = pytest.mark.apart


@pytest.mark.parametrize(("part", "schedules"), divide(SCHEDULES - BATCHES - SCHEDULES // 8, PARTS))
def test_each_payment_is_credited_once_whatever_is_drawn(
    stack: Stack, seed: int, part: int, schedules: int
) -> None:
    command = f"SEED={seed} {COMMAND} -k each_payment"
    met = play_single(stack, schedules, command, seed + part).met
    if schedules >= 500:
        assert met.keys() >= {"crash", "overlap", "foreign", "no-op", "quarantined"}


@pytest.mark.parametrize(("part", "schedules"), divide(BATCHES, PARTS))
def test_each_batch_member_is_credited_once_whatever_is_drawn(
    stack: Stack, seed: int, part: int, schedules: int
) -> None:
    command = f"SEED={seed} {COMMAND} -k each_batch_member"
    met = play_batches(stack, schedules, command, seed + part).met
    if schedules >= 100:
        assert met.keys() >= MET_BY_BATCHES


def test_each_debt_is_paid_once_whatever_is_drawn_and_restored(stack: Stack, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k and_restored"
    met = play_restored(stack, SCHEDULES // 10, command, seed).met
    assert SCHEDULES < 1000 or not [move for move in MET_BY_RESTORED if not met[move]]


def test_each_debt_is_paid_once_whatever_is_drawn_and_copied(stack: Stack, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k and_copied"
    met = play_copies(stack, SCHEDULES // 40, command, seed).met
    assert SCHEDULES < 1000 or not [move for move in MET_BY_COPIES if not met[move]]
