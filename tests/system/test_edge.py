"""The facade as strangers meet it: what they send costs bounded memory, and nobody else waits for them."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.bench.edge.flood_memory import MEMORY_MB_MAX
from devstack.bench.edge.floods import FLOODS
from tests.testkit.stacks import Stacks


@pytest.fixture(scope="module")
async def report(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A stack of its own: its memory is what the floods have made of it."""
    async with stacks.start(tmp_path_factory.mktemp("edge")) as running:
        return await bench_edge(running.directory.path)


async def bench_edge(data_dir: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "bench", "edge", "--seconds", "4", "--rounds", "1"),
        *("--json", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    stdout, _ = await asyncio.wait_for(process.communicate(), 400)
    found: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return found


async def test_what_strangers_send_costs_bounded_memory(report: dict[str, Any]) -> None:
    """Without a key; the API answers after each flood."""
    cost = {each["name"]: each["peak_mb"] for each in report["floods"]}
    assert report["problems"] == []
    assert len(cost) == len(FLOODS)
    assert min(cost.values()) > 30
    assert max(cost.values()) < MEMORY_MB_MAX, cost


async def test_who_guesses_is_refused_and_others_are_served(report: dict[str, Any]) -> None:
    answered = report["answered"]
    assert set(answered["keys"]) == {"401"}
    assert set(answered["logins"]) <= {"400", "429"}
    guesses = report["guesses_a_minute"] / 60 * 4
    for kind in ("keys", "logins"):
        assert sum(answered[kind].values()) == pytest.approx(guesses, abs=1)
    assert answered["nothing"] == {}
    for call in ("read", "declare"):
        assert report["calls"][call]["nothing"]["p99_ratio"] == 1
        for kind in ("keys", "logins"):
            # How much longer than without guesses is measured by the benchmark, on an idle machine.
            assert 0 < report["calls"][call][kind]["p50_ms"] < 10_000
