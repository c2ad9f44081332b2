"""`apexchainx bench lifecycle --baseline DIR`: this build and another in turn, on one machine."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.bench.lifecycle.comparison import (
    Build,
    LifecycleRound,
    compare,
    find_builds,
    take_median,
)
from devstack.bench.load_loops import LoadProfile


async def run_comparison(
    data_dir: Path, baseline: Path, window: int, pace: LoadProfile, rounds: int, *, quiet: bool
) -> dict[str, Any]:
    """Start the stack of each build in turn, under --data-dir; none may run there."""
    builds = find_builds(baseline, data_dir)
    options = [
        *("--in-flight", str(pace.in_flight), "--dispute-window", str(window)),
        *("--warm-up", f"{pace.warm_up_seconds:g}", "--seconds", f"{pace.seconds:g}"),
        *(["--all-events"] if pace.all_events else []),
    ]
    measured = await compare(builds, options, rounds)
    ours, theirs = map(take_median, measured)
    ratios = {
        "per_second": _divide(ours.per_second, theirs.per_second),
        "cpu_ms": _divide(ours.cpu_ms, theirs.cpu_ms),
        "declare_p95_ms": _divide(ours.declare_p95_ms, theirs.declare_p95_ms),
        "bare_ceiling": _divide(ours.per_second, ours.bare_per_second),
    }
    if not quiet:
        _show(builds, measured, ratios)
    return asdict(pace) | {
        "dispute_window_seconds": window,
        "builds": {
            build.name: [asdict(each) for each in found]
            for build, found in zip(builds, measured, strict=True)
        },
        "ratios": ratios,
        "problems": [problem for found in measured for each in found for problem in each.problems],
    }


def _divide(ours: float, theirs: float) -> float:
    return round(ours / theirs, 3) if theirs else 0.0


def _show(
    builds: tuple[Build, Build], measured: list[list[LifecycleRound]], ratios: dict[str, float]
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("")
    for build in builds:
        table.add_column(build.name, justify="right")
    table.add_column("ratio", justify="right")
    medians = [take_median(found) for found in measured]
    rates = [", ".join(f"{each.per_second:.2f}" for each in found) for found in measured]
    table.add_row("lifecycles a second, each round", *rates)
    for name in ("per_second", "cpu_ms", "declare_p95_ms"):
        shown = [f"{getattr(each, name):,.1f}" for each in medians]
        table.add_row(name.replace("_", " "), *shown, f"{ratios[name]:.2f}")
    for part in medians[0].memory_mb:
        table.add_row(
            f"memory MB: {part}", *(str(each.memory_mb.get(part, "")) for each in medians)
        )
    console.print(table)
    console.print(f"this build / its bare ceiling: {ratios['bare_ceiling']:.2f} by throughput")
    for found in measured:
        for each in found:
            for problem in each.problems:
                console.print(f"PROBLEM  {problem}", markup=False)
