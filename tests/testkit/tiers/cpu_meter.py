"""
What the tests of each file, and each server that is started for many files, take of the CPU.

Counted is the time of this process and of everything below it, also of what has ended meanwhile: servers work for
the tests that ask them. The idle work of a server that is kept is booked to whichever file runs.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.testkit.tiers.worker_groups import name_file

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
# The name under which a report bears what was measured.
PROPERTY = "cpu_seconds_by_name"


class CpuMeter:
    """A plugin of each worker; the report of the last test of a file bears what the file took."""

    def __init__(self) -> None:
        self._read = read_cpu_seconds()
        self._fixtures: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """What is kept for other files as well is no expense of the first that asks for it."""
        if fixturedef.scope not in {"session", "package"}:
            return (yield)
        began = read_cpu_seconds()
        try:
            return (yield)
        finally:
            self._fixtures[f"fixture {fixturedef.argname}"] += read_cpu_seconds() - began

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            file = name_file(item.nodeid)
            if nextitem is None or name_file(nextitem.nodeid) != file:
                item.user_properties.append((PROPERTY, self._take(file)))

    def _take(self, file: str) -> dict[str, float]:
        """Return what was spent since it was asked last."""
        before, self._read = self._read, read_cpu_seconds()
        fixtures = dict(self._fixtures)
        self._fixtures.clear()
        return fixtures | {file: self._read - before - sum(fixtures.values())}


def read_cpu_seconds() -> float:
    """Return what this process, and whatever it has started, have taken so far; 0 where nobody tells."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for process in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # After the name, which may hold anything: state, parent, ...; own and children's times from the 12th on.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            parents[int(process.name)] = int(fields[1])
            ticks[int(process.name)] = sum(map(int, fields[11:15]))
    return sum(ticks[pid] for pid in ticks if is_below(pid, os.getpid(), parents)) / TICKS


def is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid and pid != ancestor:
        pid = parents.get(pid, 0)
    return pid == ancestor


def describe_dearest(spent: dict[str, float], count: int) -> list[str]:
    """Return a line for each of the dearest files and fixtures, the dearest first."""
    dearest = sorted(spent.items(), key=lambda each: -each[1])[:count]
    return [f"{seconds:7.1f} CPU-seconds  {name}" for name, seconds in dearest]
