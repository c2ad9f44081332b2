"""`apexchainx bench export`: so many outages as a file of each format, beside a bare COPY of their rows."""

import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.bench.exports import export_bench
from devstack.bench.exports.export_bench import ExportRounds
from devstack.commands.stacks import Found, find_engine

# Of a million rows; fewer have as much less time.
SECONDS_MAX, ROWS, MEMORY_MB_MAX = 60.0, 1_000_000, 200
SECONDS_MIN = 5.0


async def run_measurement(data_dir: Path, rows: int, rounds: int, *, quiet: bool) -> dict[str, Any]:
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, rows, rounds, quiet))


async def _measured(found: Found, rows: int, rounds: int, quiet: bool) -> dict[str, Any]:
    record, directory = found.record, found.directory
    assert record is not None, "engines are looked for in a directory only"
    assert directory is not None
    measured = await export_bench.measure(
        record.owner_url, record.environment, rows, rounds, directory.logs
    )
    if not quiet:
        _show(measured)
    return asdict(measured) | {"problems": list_problems(measured)}


def list_problems(measured: ExportRounds) -> list[str]:
    """Name what is wrong with a file, and what took too long or too much memory."""
    limit = max(SECONDS_MAX * measured.rows / ROWS, SECONDS_MIN)
    found = [problem for each in measured.formats for problem in each.problems]
    for each in measured.formats:
        took = statistics.median(each.seconds)
        if took > limit:
            found.append(f"{each.form} took {took:g} s, more than {limit:g} s")
        if each.peak_mb >= MEMORY_MB_MAX:
            found.append(
                f"{each.form} took the API to {each.peak_mb} MB, {MEMORY_MB_MAX} is the limit"
            )
    return found


def _show(measured: ExportRounds) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{measured.rows:,} outages, median of {len(measured.bare_seconds)} rounds")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("", "seconds", "rounds", "MB", "API, MB at most"):
        table.add_column(name, justify="left" if not name else "right")
    for each in measured.formats:
        table.add_row(
            each.form,
            f"{statistics.median(each.seconds):.1f}",
            ", ".join(f"{seconds:.1f}" for seconds in each.seconds),
            f"{each.size / 1e6:.0f}",
            str(each.peak_mb),
        )
    bare = measured.bare_seconds
    rounds = ", ".join(f"{seconds:.1f}" for seconds in bare)
    size = f"{measured.bare_size / 1e6:.0f}"
    table.add_row("bare COPY", f"{statistics.median(bare):.1f}", rounds, size, "")
    console.print(table)
    for problem in list_problems(measured):
        console.print(f"PROBLEM  {problem}", markup=False)
