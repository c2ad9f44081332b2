"""`apexchainx bench api --rows N --baseline DIR`: reads among many outages, of this build and another in turn."""

import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.bench.lifecycle.comparison import COMMAND, Build, find_builds
from devstack.bench.reads.read_bench import COMPARED, MeasuredReads, compute_ratio, measure
from devstack.bench.reads.running_builds import run_build

SEED, REPETITIONS = 1, 20
LIMIT_MS, GROWTH_MAX = 50.0, 2.0
# How often faster than the other build, at the largest size.
WANTED = {"last page": 20.0, "dashboard": 6.0}
# A read of a few milliseconds differs by more than twice from one time to the next.
NOISE_MS = 10.0


async def run_measurement(
    data_dir: Path, rows: int, baseline: Path | None, *, quiet: bool
) -> dict[str, Any]:
    """Start the stack of each build on an empty directory under --data-dir, and fill it up to so many outages."""
    sizes = [rows // 100, rows // 10, rows] if rows >= 10_000 else [rows]
    async with AsyncExitStack() as running:
        builds = [
            await running.enter_async_context(run_build(build))
            for build in _list_builds(data_dir, baseline)
        ]
        measured = await measure(builds, sizes, SEED, REPETITIONS)
    names = [each.name for each in builds]
    ratios = _compute_ratios(measured, names, rows)
    problems = [*measured.problems, *_list_problems(measured, names[0], sizes, ratios)]
    if not quiet:
        _show(measured, names, sizes, ratios, problems)
    return {
        "rows": rows,
        "builds": {
            build: {
                size: {read: asdict(each) for read, each in reads.items()}
                for size, reads in by.items()
            }
            for build, by in measured.latencies.items()
        },
        "ratios": ratios,
        "problems": problems,
    }


def _list_builds(data_dir: Path, baseline: Path | None) -> list[Build]:
    if baseline is not None:
        return list(find_builds(baseline, data_dir))
    own = Path(sys.executable).with_name(Path(COMMAND).name)
    return [Build("this build", own, data_dir.resolve() / "this")]


def _compute_ratios(measured: MeasuredReads, names: list[str], rows: int) -> dict[str, float]:
    if len(names) < 2:
        return {}
    ours, theirs = (measured.latencies[name][rows] for name in names)
    return {
        read: compute_ratio(ours[read].p50_ms, theirs[read].p50_ms)
        for read in COMPARED
        if read in ours and read in theirs
    }


def _list_problems(
    measured: MeasuredReads, name: str, sizes: list[int], ratios: dict[str, float]
) -> list[str]:
    """Name what misses its target: 50 ms at any size, and twice as long at most among a hundred times as many."""
    by_size = measured.latencies[name]
    found = []
    for read, largest in by_size[sizes[-1]].items():
        if largest.p95_ms > LIMIT_MS:
            found.append(f"{read}: p95 {largest.p95_ms} ms, more than {LIMIT_MS:g}")
        smallest = by_size[sizes[0]].get(read)
        if smallest and largest.p50_ms > max(GROWTH_MAX * smallest.p50_ms, NOISE_MS):
            found.append(f"{read}: p50 {smallest.p50_ms} ms became {largest.p50_ms}")
    for read, wanted in WANTED.items():
        if ratios.get(read, wanted) < wanted:
            found.append(f"{read}: {ratios[read]} times as fast, less than {wanted:g}")
    return found


def _show(
    measured: MeasuredReads,
    names: list[str],
    sizes: list[int],
    ratios: dict[str, float],
    problems: list[str],
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("p50 / p95 ms")
    for name in names:
        for size in sizes:
            table.add_column(f"{name}, {size:,}", justify="right")
    table.add_column("times as fast", justify="right")
    reads = dict.fromkeys([*COMPARED, *measured.latencies[names[0]][sizes[-1]]])
    for read in reads:
        cells = [
            f"{each.p50_ms:g} / {each.p95_ms:g}"
            if (each := measured.latencies[name][size].get(read))
            else ""
            for name in names
            for size in sizes
        ]
        table.add_row(read, *cells, f"{ratios[read]:g}" if read in ratios else "")
    console.print(table)
    for problem in problems:
        console.print(f"PROBLEM  {problem}", markup=False)
