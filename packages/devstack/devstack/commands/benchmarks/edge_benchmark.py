"""`apexchainx bench edge`: what strangers cost those who have a key, and what they cost in memory."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.bench.edge import edge_latencies, flood_memory
from devstack.bench.edge.edge_latencies import (
    DECLARATIONS_A_SECOND,
    DECLARE,
    RATIO_MAX,
    READ,
    READS_A_SECOND,
    EdgeLatencies,
)
from devstack.bench.edge.flood_memory import MEMORY_MB_MAX, FloodCost
from devstack.bench.edge.floods import FLOODS
from devstack.bench.edge.guesses import PER_MINUTE, Guessed
from devstack.commands.stacks import Found, find_engine
from devstack.replay.api_client import EngineClient

PATIENCE_SECONDS = 60
CALLS = (READ, DECLARE)


async def run_measurement(
    data_dir: Path, seconds: float, rounds: int, *, quiet: bool
) -> dict[str, Any]:
    async with (
        find_engine(None, None, data_dir) as found,
        EngineClient(found.url, found.api_key, PATIENCE_SECONDS) as caller,
    ):
        return await found.during(_measured(found, caller, seconds, rounds, quiet))


async def _measured(
    found: Found, caller: EngineClient, seconds: float, rounds: int, quiet: bool
) -> dict[str, Any]:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    waited = await edge_latencies.measure(caller, seconds, rounds)
    costs = await flood_memory.measure(found.url, record.pids["api"], FLOODS)
    if not quiet:
        _show(waited, costs, seconds, rounds)
    problems = [*waited.list_problems(), *(each.problem for each in costs if each.problem)]
    return {
        "seconds": seconds,
        "rounds": rounds,
        "guesses_a_minute": PER_MINUTE,
        "calls": _summarize(waited),
        "answered": {guessed: _count(waited, guessed) for guessed in Guessed},
        "floods": [asdict(each) for each in costs],
        "problems": problems,
    }


def _summarize(waited: EdgeLatencies) -> dict[str, Any]:
    return {
        call: {
            guessed: {
                "p50_ms": waited.compute_median(guessed, call, 50),
                "p99_ms": waited.compute_median(guessed, call, 99),
                "p99_ratio": waited.compute_ratio(guessed, call),
                "p99_rounds": [each.p99_ms for each in waited.rounds[guessed][call]],
            }
            for guessed in Guessed
        }
        for call in CALLS
    }


def _count(waited: EdgeLatencies, guessed: Guessed) -> dict[str, int]:
    return {str(status): times for status, times in sorted(waited.answered[guessed].items())}


def _show(waited: EdgeLatencies, costs: Sequence[FloodCost], seconds: float, rounds: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{READS_A_SECOND:g} reads and {DECLARATIONS_A_SECOND:g} declarations a second for {seconds:g} s, "
        f"{PER_MINUTE} guesses a minute, medians of {rounds} rounds in turn"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("call", "guessed", "p50 ms", "p99 ms", "p99 / quiet", "p99 of the rounds"):
        table.add_column(name)
    for call in CALLS:
        for guessed in Guessed:
            ratio = waited.compute_ratio(guessed, call)
            mark = "" if ratio < RATIO_MAX else f"  more than {RATIO_MAX:g}"
            each = ", ".join(f"{one.p99_ms:g}" for one in waited.rounds[guessed][call])
            half, most = (waited.compute_median(guessed, call, part) for part in (50, 99))
            table.add_row(call, guessed, f"{half:g}", f"{most:g}", f"{ratio:.2f}{mark}", each)
    console.print(table)
    for guessed in (Guessed.LOGINS, Guessed.KEYS):
        console.print(f"{guessed} answered: {_count(waited, guessed)}")
    for cost in costs:
        over = cost.problem or ""
        console.print(f"{cost.peak_mb:>4} MB  {cost.name} ({cost.connections} connections)  {over}")
    console.print(f"the limit is {MEMORY_MB_MAX} MB")
