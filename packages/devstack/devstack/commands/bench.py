"""`apexchainx bench`: how fast the engine is, measured here and now."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table

from devstack.bench import declare_latency
from devstack.bench.latencies import Latencies
from devstack.bench.lifecycle import lifecycles
from devstack.bench.lifecycle.lifecycles import Rounds
from devstack.bench.lifecycle.workloads import PATIENCE_SECONDS
from devstack.bench.load_loops import LoadProfile, Measured, take_median
from devstack.commands.benchmarks import (
    edge_benchmark,
    export_benchmark,
    import_benchmark,
    journal_benchmark,
    lifecycle_comparison,
    read_benchmark,
    restore_benchmark,
    settlement_benchmark,
    statement_benchmark,
    webhook_benchmark,
)
from devstack.commands.stacks import Found, find_engine
from devstack.processes.programs import CannotStart
from devstack.replay.api_client import EngineClient, RequestRefused, RequestTimedOut
from domain.errors import ApexError

FAILURES = (
    *(CannotStart, OSError, ApexError, RequestRefused, RequestTimedOut),
    httpx.TransportError,
)


DECLARE_RATE, WEBHOOK_RATE = 5.0, 50.0
ROWS, IMPORT_ROWS = 1_000_000, 5000
Baseline = Annotated[
    Path | None,
    typer.Option(
        help="A checkout of another commit with its own .venv; whole outages, or reads, both in turn."
    ),
]
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Of a local engine.")
]


class Benchmark(StrEnum):
    LIFECYCLE = "lifecycle"
    DECLARE = "declare"
    SETTLEMENT = "settlement"
    JOURNAL = "journal"
    RESTORE = "restore"
    WEBHOOKS = "webhooks"
    EDGE = "edge"
    EXPORT = "export"
    IMPORTS = "imports"
    API = "api"
    STATEMENTS = "statements"


@dataclass(frozen=True)
class BenchmarkSizes:
    """How much of what is measured; each benchmark takes what it knows."""

    dispute_window: int
    rounds: int
    rate: float | None
    postings: int
    outages: int
    rows: int | None
    baseline: Path | None


def command(
    benchmark: Annotated[
        Benchmark,
        typer.Argument(
            help="Whole outages, declarations alone, the rails, a check of the journal, a restore, webhooks, strangers, reads, files of many rows, or the SQL of one outage."
        ),
    ],
    in_flight: Annotated[int, typer.Option(min=1, help="Outages at a time.")] = 20,
    dispute_window: Annotated[int, typer.Option(min=0, help="Seconds.")] = 1,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before it counts.")] = 6,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Of each measurement; the median counts.")] = 3,
    all_events: Annotated[
        bool,
        typer.Option("--all-events", help="Whole outages: a webhook for each of their events."),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Declarations (5), or events (50), a second."),
    ] = None,
    postings: Annotated[int, typer.Option(min=1000, help="In the journal.")] = 1_000_000,
    outages: Annotated[int, typer.Option(min=100, help="In the backup.")] = 10_000,
    rows: Annotated[
        int | None,
        typer.Option(min=100, help="To read or export (1000000), or to import (5000)."),
    ] = None,
    baseline: Baseline = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    data_dir: DataDir = Path("var"),
) -> None:
    """Uses the engine that runs in --data-dir, or starts one there until the end."""
    pace = LoadProfile(in_flight, warm_up, seconds, all_events)
    sizes = BenchmarkSizes(dispute_window, rounds, rate, postings, outages, rows, baseline)
    running = _choose(benchmark, data_dir, pace, sizes, quiet=as_json)
    result = _run(running)
    if as_json:
        said = orjson.dumps({"benchmark": benchmark} | result, option=orjson.OPT_NON_STR_KEYS)
        typer.echo(said.decode())
    raise typer.Exit(1 if result.get("problems") else 0)


def _choose(
    benchmark: Benchmark, data_dir: Path, pace: LoadProfile, sizes: BenchmarkSizes, *, quiet: bool
) -> Coroutine[Any, Any, dict[str, Any]]:
    seconds, rounds = pace.seconds, sizes.rounds
    match benchmark:
        case Benchmark.DECLARE:
            return _declare(data_dir, sizes.rate or DECLARE_RATE, seconds, quiet)
        case Benchmark.SETTLEMENT:
            return settlement_benchmark.run_measurement(data_dir, seconds, rounds, quiet=quiet)
        case Benchmark.JOURNAL:
            postings = sizes.postings
            return journal_benchmark.run_measurement(data_dir, postings, rounds, quiet=quiet)
        case Benchmark.RESTORE:
            return restore_benchmark.run_measurement(data_dir, sizes.outages, quiet=quiet)
        case Benchmark.WEBHOOKS:
            rate = sizes.rate or WEBHOOK_RATE
            return webhook_benchmark.run_measurement(data_dir, rate, seconds, rounds, quiet=quiet)
        case Benchmark.EDGE:
            return edge_benchmark.run_measurement(data_dir, seconds, rounds, quiet=quiet)
        case Benchmark.EXPORT:
            rows = sizes.rows or ROWS
            return export_benchmark.run_measurement(data_dir, rows, rounds, quiet=quiet)
        case Benchmark.IMPORTS:
            rows = sizes.rows or IMPORT_ROWS
            return import_benchmark.run_measurement(data_dir, rows, quiet=quiet)
        case Benchmark.API:
            rows = sizes.rows or ROWS
            return read_benchmark.run_measurement(data_dir, rows, sizes.baseline, quiet=quiet)
        case Benchmark.STATEMENTS:
            window, count = sizes.dispute_window, rounds
            return statement_benchmark.run_measurement(data_dir, window, count, quiet=quiet)
        case Benchmark.LIFECYCLE:
            return _lifecycle(data_dir, pace, sizes, quiet)


def _run(running: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    try:
        return asyncio.run(running)
    except* FAILURES as failures:
        raise SystemExit(f"apexchainx: {_first(failures)}") from None


def _first(failure: BaseException) -> BaseException:
    """Return one of the errors of many tasks: the others failed with it."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


async def _declare(data_dir: Path, rate: float, seconds: float, quiet: bool) -> dict[str, Any]:
    async with (
        find_engine(None, None, data_dir) as found,
        EngineClient(found.url, found.api_key, PATIENCE_SECONDS) as caller,
    ):
        waited = await found.during(declare_latency.measure(caller, rate, seconds))
    if not quiet:
        print(f"declare at {rate:g} a second for {seconds:g} s: {waited}")
    return {"rate": rate, "seconds": seconds} | asdict(waited)


async def _lifecycle(
    data_dir: Path, pace: LoadProfile, sizes: BenchmarkSizes, quiet: bool
) -> dict[str, Any]:
    window, rounds = sizes.dispute_window, sizes.rounds
    if sizes.baseline is not None:
        return await lifecycle_comparison.run_comparison(
            data_dir, sizes.baseline, window, pace, rounds, quiet=quiet
        )
    async with (
        find_engine(None, None, data_dir) as found,
        EngineClient(found.url, found.api_key, PATIENCE_SECONDS) as caller,
    ):
        measured = await found.during(_measured(found, caller, window, pace, rounds))
        if not quiet:
            _show(measured, window, pace)
        return _summary(measured, window, pace) | {"calls_repeated": caller.repetitions}


async def _measured(
    found: Found, caller: EngineClient, window: int, pace: LoadProfile, rounds: int
) -> Rounds:
    assert found.directory is not None, "engines are looked for in a directory only"
    return await lifecycles.measure(found.directory, caller, window, pace, rounds)


def _show(measured: Rounds, window: int, pace: LoadProfile) -> None:
    console = Console(highlight=False, soft_wrap=True)
    real, bare = take_median(measured.real), take_median(measured.bare)
    console.print(
        f"{pace.in_flight} in flight, dispute window {window} s, {pace.seconds:g} s measured, "
        f"median of {len(measured.real)} rounds in turn"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("", "real", "bare ceiling"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("lifecycles a second", f"{real.per_second:.2f}", f"{bare.per_second:.2f}")
    table.add_row("rounds", _each(measured.real), _each(measured.bare))
    for step, waited in real.steps.items():
        other = bare.steps.get(step, Latencies.of([]))
        table.add_row(f"{step} p50 / p95 ms", _waited(waited), _waited(other))
    names = [*real.cpu_ms_per_life, *(name for name in bare.cpu_ms_per_life if "bare" in name)]
    for name in names:
        table.add_row(f"CPU ms, memory MB: {name}", _cost(real, name), _cost(bare, name))
    table.add_row("CPU ms in all", f"{real.cpu_ms:.1f}", f"{bare.cpu_ms:.1f}")
    table.add_row("cores busy with else", f"{real.others_cores:.2f}", f"{bare.others_cores:.2f}")
    console.print(table)
    console.print(
        f"real / ceiling: {_ratio(measured):.2f} by throughput, {_cpu_ratio(measured):.2f} by CPU; "
        f"{measured.paid} outages paid once"
    )
    for problem in measured.problems:
        console.print(f"PROBLEM  {problem}", markup=False)


def _each(rounds: list[Measured]) -> str:
    return ", ".join(f"{each.per_second:.2f}" for each in rounds)


def _waited(waited: Latencies) -> str:
    return f"{waited.p50_ms:,.0f} / {waited.p95_ms:,.0f}"


def _cost(measured: Measured, name: str) -> str:
    if name not in measured.cpu_ms_per_life:
        return ""
    return f"{measured.cpu_ms_per_life[name]:.1f}, {measured.memory_mb.get(name, 0)}"


def _ratio(measured: Rounds) -> float:
    ceiling = take_median(measured.bare).per_second
    return round(take_median(measured.real).per_second / ceiling, 3) if ceiling else 0.0


def _cpu_ratio(measured: Rounds) -> float:
    """What a bare lifecycle costs of a real one; less moved by a busy machine than throughput is."""
    real = take_median(measured.real).cpu_ms
    return round(take_median(measured.bare).cpu_ms / real, 3) if real else 0.0


def _summary(measured: Rounds, window: int, pace: LoadProfile) -> dict[str, Any]:
    return asdict(pace) | {
        "dispute_window_seconds": window,
        "real": asdict(take_median(measured.real)),
        "bare": asdict(take_median(measured.bare)),
        "real_rounds": [each.per_second for each in measured.real],
        "bare_rounds": [each.per_second for each in measured.bare],
        "ratio": _ratio(measured),
        "cpu_ratio": _cpu_ratio(measured),
        "paid": measured.paid,
        "problems": measured.problems,
    }
