"""
Two thousand schedules that nobody has played before: drawn from a seed that is fresh each time, and
printed at the top of the run. `SEED=123 make test-system` draws the same ones again.

What is drawn, and what must hold, is what tests/test_exactly_once.py plays the same every time. The
parts draw from seeds of their own, and share nothing: each may run on another worker.
"""

import os
from collections.abc import AsyncIterator

import pytest

from tests.simulation.runs import (
    MET_BY_BATCHES,
    MET_BY_RESTORED,
    divide,
    play_batches,
    play_restored,
    play_single,
)
from tests.testkit.stacks import Stacks

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
BATCHES = SCHEDULES // 4
PARTS = 2
COMMAND = ".venv/bin/python -m pytest tests/system/settlement/test_schedules.py"


@pytest.fixture(scope="module")
async def server_url(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A database server: schedules need nothing else of a stack."""
    async with stacks.start_postgres(tmp_path_factory.mktemp("schedules") / "server") as url:
        yield url


@pytest.mark.parametrize(("part", "schedules"), divide(SCHEDULES - BATCHES - SCHEDULES // 8, PARTS))
def test_each_payment_is_credited_once_whatever_is_drawn(
    server_url: str, seed: int, part: int, schedules: int
) -> None:
    command = f"SEED={seed} {COMMAND} -k each_payment"
    met = play_single(server_url, schedules, command, seed + part).met
    if schedules >= 500:
        assert met.keys() >= {"crash", "overlap", "foreign", "no-op", "quarantined"}


@pytest.mark.parametrize(("part", "schedules"), divide(BATCHES, PARTS))
def test_each_batch_member_is_credited_once_whatever_is_drawn(
    server_url: str, seed: int, part: int, schedules: int
) -> None:
    command = f"SEED={seed} {COMMAND} -k each_batch_member"
    met = play_batches(server_url, schedules, command, seed + part).met
    if schedules >= 100:
        assert met.keys() >= MET_BY_BATCHES


def test_each_debt_is_paid_once_whatever_is_drawn_and_restored(server_url: str, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k and_restored"
    met = play_restored(server_url, SCHEDULES // 10, command, seed).met
    assert SCHEDULES < 1000 or not [move for move in MET_BY_RESTORED if not met[move]]
