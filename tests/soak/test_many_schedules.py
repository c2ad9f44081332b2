"""
Schedules of every kind by the thousand, in slices: each is drawn from a seed of its own, and what was played counts
when the next one is red or interrupted.

    SCHEDULES=20000 SEED=1 .venv/bin/python -m pytest tests/soak/test_many_schedules.py
"""

import os
from collections.abc import AsyncIterator, Callable

import pytest

from tests.simulation.recovery.copied_batches import CopiedBatches
from tests.simulation.recovery.restored_batches import RestoredBatchesAmongLies
from tests.simulation.runs import (
    play_batches,
    play_copies,
    play_lies,
    play_recovering_batches,
    play_restored,
    play_single,
)
from tests.simulation.scratch_databases import ScratchDatabase
from tests.testkit.stacks import Stacks

SLICE = 1000
SCHEDULES = int(os.environ.get("SCHEDULES", str(SLICE)))
COMMAND = ".venv/bin/python -m pytest tests/soak/test_many_schedules.py"
Play = Callable[[str, int, str, int], ScratchDatabase]


def play_restored_batches(
    server_url: str, schedules: int, command: str, drawn_from: int
) -> ScratchDatabase:
    """Play batches whose database is restored while a node lies."""
    return play_recovering_batches(
        server_url, RestoredBatchesAmongLies, schedules, command, drawn_from
    )


def play_copied_batches(
    server_url: str, schedules: int, command: str, drawn_from: int
) -> ScratchDatabase:
    """Play two engines with batches on copies of one database."""
    return play_recovering_batches(server_url, CopiedBatches, schedules, command, drawn_from)


# Of each slice, so many per cent; a restore or a copy plays many times as long as a single payment.
KINDS: list[tuple[Play, int]] = [
    (play_single, 50),
    (play_batches, 22),
    (play_lies, 13),
    (play_restored, 8),
    (play_copies, 3),
    (play_restored_batches, 3),
    (play_copied_batches, 1),
]


@pytest.fixture(scope="module")
async def server_url(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    async with stacks.start_postgres(tmp_path_factory.mktemp("many") / "server") as url:
        yield url


@pytest.mark.parametrize("part", range(max(1, SCHEDULES // SLICE)))
@pytest.mark.parametrize(("play", "percent"), KINDS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_debt_is_paid_once_in_many_schedules(
    server_url: str, seed: int, part: int, play: Play, percent: int
) -> None:
    schedules = max(1, min(SCHEDULES, SLICE) * percent // 100)
    command = f"SEED={seed + part} SCHEDULES={SLICE} {COMMAND} -k {play.__name__}"
    played = play(server_url, schedules, command, seed + part)
    assert played.met["schedules"] >= schedules
