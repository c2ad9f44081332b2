"""`apexchainx bench settlement`: payments a second on each rail, beside what the rail could carry."""

import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters import temporal
from devstack.bench import settlement_bench, settlement_throughput, throughput
from devstack.bench.settlement_bench import SettlementBench
from devstack.bench.throughput import Throughput
from devstack.commands.stacks import Found, find_engine

CHANNELS = (10, 20, 40)
CLASSIC_PAYMENTS = 6_000


async def run_measurement(
    data_dir: Path, seconds: float, rounds: int, *, quiet: bool
) -> dict[str, Any]:
    """Measure each rail in turn, `rounds` times; the median of each counts."""
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, seconds, rounds, quiet))


async def _measured(found: Found, seconds: float, rounds: int, quiet: bool) -> dict[str, Any]:
    assert found.directory is not None, "engines are looked for in a directory only"
    record = found.record
    assert record is not None
    environment = record.environment
    async with settlement_bench.open_bench(found.directory.path, environment) as house:
        turns = [await _turn(house, seconds) for _ in range(rounds)]
        client = await temporal.connect(
            environment["TEMPORAL_ADDRESS"], environment["TEMPORAL_NAMESPACE"]
        )
        paid = [
            await settlement_throughput.measure_workflows(house, client, max(CHANNELS), seconds)
            for _ in range(rounds)
        ]
    rails = [throughput.take_median(list(of_one)) for of_one in zip(*turns, strict=True)]
    if not quiet:
        _show(rails, turns, paid, seconds)
    return {
        "seconds": seconds,
        "rails": [asdict(rail) | {"ratio": rail.ratio} for rail in rails],
        "rounds": [[each.per_second for each in turn] for turn in turns],
        "workflows_per_second": statistics.median(paid),
        "workflows_rounds": paid,
    }


async def _turn(house: SettlementBench, seconds: float) -> list[Throughput]:
    calls = [
        await settlement_throughput.measure_soroban(house, channels, seconds)
        for channels in CHANNELS
    ]
    return [*calls, await settlement_throughput.measure_classic(house, CLASSIC_PAYMENTS)]


def _show(
    rails: list[Throughput], turns: list[list[Throughput]], paid: list[float], seconds: float
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"ledgers of 1 s, {seconds:g} s each, median of {len(turns)} rounds in turn")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("rail", "channels", "a second", "channels / 2 ledgers", "ratio", "rounds"):
        table.add_column(name, justify="left" if name == "rail" else "right")
    for index, rail in enumerate(rails):
        each = ", ".join(f"{turn[index].per_second:g}" for turn in turns)
        table.add_row(
            rail.rail,
            str(rail.channels),
            f"{rail.per_second:g}",
            f"{rail.bound_per_second:g}",
            f"{rail.ratio:.2f}",
            each,
        )
    console.print(table)
    for rail in rails:
        calls = ", ".join(f"{name} {count:g}" for name, count in rail.calls_per_payment.items())
        console.print(f"calls a payment, {rail.rail} on {rail.channels} channels: {calls}")
    console.print(
        f"through the whole engine, {max(CHANNELS)} in flight: "
        f"{statistics.median(paid):g} payments a second"
    )
