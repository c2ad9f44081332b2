"""
Fresh schedules of two engines on copies of one database.

Not in a tier yet: some end in a quarantine that nobody needed, never in a second payment.
"""

import os
from collections.abc import AsyncIterator

import pytest

from tests.simulation.runs import MET_BY_COPIES, play_copies
from tests.testkit.stacks import Stacks

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
COMMAND = ".venv/bin/python -m pytest tests/soak/test_copied_databases.py"


@pytest.fixture(scope="module")
async def server_url(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    async with stacks.start_postgres(tmp_path_factory.mktemp("copies") / "server") as url:
        yield url


def test_each_debt_is_paid_once_whatever_is_drawn_and_copied(server_url: str, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k and_copied"
    met = play_copies(server_url, SCHEDULES // 40, command, seed).met
    assert SCHEDULES < 1000 or not [move for move in MET_BY_COPIES if not met[move]]
