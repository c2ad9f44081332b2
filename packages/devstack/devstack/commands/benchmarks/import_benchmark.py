"""`apexchainx bench imports`: how long an import of so many rows takes, as declared and as settled elsewhere."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from devstack.bench import process_stats
from devstack.bench.imports import bare_starts, import_bench
from devstack.bench.imports.import_bench import ImportTimes
from devstack.commands.stacks import Found, find_engine
from domain.sla.bulk.import_plans import ImportMode
from workflows.sla.outage_starts import STARTED_AT_ONCE

# Rows a second: a hundred thousand declared in five minutes, a million settled elsewhere in ten.
TARGETS = {ImportMode.DECLARE: 100_000 / 300, ImportMode.BACKFILL: 1_000_000 / 600}
BARE_STARTS_MAX = 5_000
# Outages of the past; declared ones that go on; and declared ones that are over, which are judged as they are recorded.
MEASURED = {
    "backfill": (ImportMode.BACKFILL, True),
    "declare, open": (ImportMode.DECLARE, False),
    "declare, over": (ImportMode.DECLARE, True),
}


async def run_measurement(data_dir: Path, rows: int, *, quiet: bool) -> dict[str, Any]:
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, rows, quiet))


async def _measured(found: Found, rows: int, quiet: bool) -> dict[str, Any]:
    report: dict[str, Any] = {"problems": []}
    for name, (mode, ended) in MEASURED.items():
        before = _read_stats(found)
        times = await import_bench.measure(found.url, found.api_key, rows, mode, ended=ended)
        cpu = _read_stats(found).cpu_ms_since(before, rows)
        if times.imported != rows:
            report["problems"].append(f"{name}: {times.imported} of {rows} rows were imported")
        report[name] = asdict(times) | {
            "rows_a_second": times.rows_a_second,
            "target_rows_a_second": round(TARGETS[mode]),
            "cpu_ms_a_row": cpu,
        }
        if not quiet:
            _show(name, times, cpu)
    # The last: what is started bare ends a minute later, which costs the workflow server as much once more.
    bare = report["bare_starts"] = await _measure_bare(found, rows, quiet)
    for name in (name for name, (mode, _) in MEASURED.items() if mode is ImportMode.DECLARE):
        reached = report[name]["rows_a_second"] / bare["a_second"]
        report[name]["of_bare_starts"] = round(reached, 2)
        if not quiet:
            print(f"{name}: {reached:.2f} of the bare starts")
    return report


def _read_stats(found: Found) -> process_stats.ProcessStats:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    return process_stats.read(record.pids)


async def _measure_bare(found: Found, rows: int, quiet: bool) -> dict[str, Any]:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    address = record.environment["TEMPORAL_ADDRESS"]
    namespace = record.environment.get("TEMPORAL_NAMESPACE", "default")
    count = min(rows, BARE_STARTS_MAX)
    before = _read_stats(found)
    rate = await bare_starts.measure(address, namespace, count, STARTED_AT_ONCE)
    cpu = _read_stats(found).cpu_ms_since(before, count)
    if not quiet:
        print(f"bare starts of workflows that nobody runs: {rate:,.0f} a second")
        _show_cpu(cpu)
    return {"a_second": rate, "cpu_ms": cpu}


def _show(name: str, times: ImportTimes, cpu: dict[str, float]) -> None:
    print(
        f"{name}: {times.imported:,} of {times.rows:,} rows ({times.file_bytes / 1e6:.1f} MB) in {times.seconds:g} s, "
        f"{times.rows_a_second:,.0f} a second; {times.upload_seconds:g} s of them until the file was stored"
    )
    _show_cpu(cpu)


def _show_cpu(cpu: dict[str, float]) -> None:
    spent = ", ".join(f"{name} {each:g}" for name, each in sorted(cpu.items()) if each)
    print(f"  ms of CPU for each: {spent}")
