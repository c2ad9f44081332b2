"""
Two builds in turn on one machine: this one, and another checkout with an environment of its own. Each round starts
the stack of one build, puts the same load on it and stops it, so that a machine that slows down slows both.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from devstack.environment.services import is_seed
from devstack.processes.programs import CannotStart

COMMAND = ".venv/bin/apexchainx"


@dataclass(frozen=True)
class Build:
    """A build by its command, and where the data of its stack goes."""

    name: str
    command: Path
    directory: Path


@dataclass(frozen=True)
class LifecycleRound:
    """What one build did in one round."""

    per_second: float
    cpu_ms: float
    declare_p95_ms: float
    memory_mb: dict[str, int]
    bare_per_second: float
    problems: list[str]

    @classmethod
    def parse(cls, report: dict[str, Any]) -> "LifecycleRound":
        """Read the report of `bench lifecycle --json`, today's or an earlier one."""
        real = report["real"]
        return cls(
            real["per_second"],
            round(sum(real["cpu_ms_per_life"].values()), 1),
            real["steps"]["declare"]["p95_ms"],
            real["memory_mb"],
            report["bare"]["per_second"],
            report["problems"],
        )


def find_builds(baseline: Path, data_dir: Path) -> tuple[Build, Build]:
    """Return this build and the other. Raises CannotStart where the other has no environment."""
    other = baseline.resolve() / COMMAND
    if not other.exists():
        raise CannotStart(
            f"--baseline {baseline}: {other} is missing; run `make .venv/ready` there"
        )
    own = Path(sys.executable).with_name(other.name)
    return (
        Build("this build", own, data_dir.resolve() / "this"),
        Build(baseline.name, other, data_dir.resolve() / "baseline"),
    )


async def compare(
    builds: Sequence[Build], options: Sequence[str], rounds: int
) -> list[list[LifecycleRound]]:
    """Measure each build so many times, in turn; return the rounds of each."""
    measured: list[list[LifecycleRound]] = [[] for _ in builds]
    for _ in range(rounds):
        for found, build in zip(measured, builds, strict=True):
            found.append(LifecycleRound.parse(await _measure(build, options)))
    return measured


async def _measure(build: Build, options: Sequence[str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        str(build.command),
        *("bench", "lifecycle", "--json", "--rounds", "1", "--data-dir", str(build.directory)),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=build.command.parents[2],
        env={name: value for name, value in os.environ.items() if not is_seed(name)},
    )
    said, problem = await process.communicate()
    if not said.strip():
        raise CannotStart(f"{build.name}: {problem.decode().strip()[-500:]}")
    report: dict[str, Any] = orjson.loads(said.splitlines()[-1])
    return report


def take_median(rounds: Sequence[LifecycleRound]) -> LifecycleRound:
    """The round of median throughput, whole: its latencies and costs belong to it."""
    median = statistics.median_low([each.per_second for each in rounds])
    return next(each for each in rounds if each.per_second == median)
