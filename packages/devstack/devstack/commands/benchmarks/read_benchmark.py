"""`apexchainx bench api --rows N --baseline DIR`: reads among many outages, of this build and another in turn."""

import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.bench.exports.export_bench import ExportRounds
from devstack.bench.imports import import_bench
from devstack.bench.imports.import_bench import ImportTimes
from devstack.bench.lifecycle.comparison import COMMAND, Build, find_builds
from devstack.bench.reads.read_bench import (
    ANALYTICS,
    COMPARED,
    MeasuredReads,
    compute_ratio,
    measure,
)
from devstack.bench.reads.running_builds import KEY, run_build
from devstack.commands.benchmarks.export_benchmark import list_problems
from domain.sla.bulk.import_plans import ImportMode

SEED, REPETITIONS = 1, 20
BACKFILLED_MAX = 100_000
LIMIT_MS, GROWTH_MAX = 50.0, 2.0
# Of the dashboard and a trend.
ANALYTICS_LIMIT_MS = 100.0
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
    imported = await _measure_backfill(data_dir, min(rows, BACKFILLED_MAX), measured)
    names = [each.name for each in builds]
    ratios = _compute_ratios(measured, names, rows)
    problems = [*measured.problems, *_list_problems(measured, names[0], sizes, ratios)]
    problems += list_problems(ExportRounds(rows, [], 0, measured.exports))
    if not quiet:
        _show(measured, names, sizes, ratios)
        _show_files(measured, imported)
        for problem in problems:
            print(f"PROBLEM  {problem}")
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
        "exports": [asdict(each) for each in measured.exports],
        "backfill": asdict(imported) | {"rows_a_second": imported.rows_a_second},
        "seconds": measured.seconds,
        "problems": problems,
    }


def _list_builds(data_dir: Path, baseline: Path | None) -> list[Build]:
    if baseline is not None:
        return list(find_builds(baseline, data_dir))
    own = Path(sys.executable).with_name(Path(COMMAND).name)
    return [Build("this build", own, data_dir.resolve() / "this")]


async def _measure_backfill(data_dir: Path, rows: int, measured: MeasuredReads) -> ImportTimes:
    """Import outages of the past into an empty database of this build, whose workers run."""
    (build,) = _list_builds(data_dir / "backfill", None)
    with measured.note_part(f"a back-fill of {rows:,}, with the start of its stack"):
        async with run_build(build, works=True) as running:
            return await import_bench.measure(running.url, KEY, rows, ImportMode.BACKFILL)


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
        limit = ANALYTICS_LIMIT_MS if read in ("dashboard", *ANALYTICS) else LIMIT_MS
        if largest.p95_ms > limit:
            found.append(f"{read}: p95 {largest.p95_ms} ms, more than {limit:g}")
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


def _show_files(measured: MeasuredReads, imported: ImportTimes) -> None:
    for each in measured.exports:
        (seconds,) = each.seconds
        rate = each.rows / seconds if seconds else 0.0
        print(
            f"export as {each.form}: {each.rows:,} rows in {seconds:g} s, {rate:,.0f} a second, API at most {each.peak_mb} MB"
        )
    print(
        f"back-fill: {imported.imported:,} of {imported.rows:,} rows in {imported.seconds:g} s, "
        f"{imported.rows_a_second:,.0f} a second"
    )
    for name, taken in measured.seconds.items():
        print(f"  {taken:8.1f} s  {name}")
