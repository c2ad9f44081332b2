"""`apexchainx bench imports`: how long an import of so many rows takes, as declared and as settled elsewhere."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from devstack.bench.imports import import_bench
from devstack.bench.imports.import_bench import ImportTimes
from devstack.commands.stacks import Found, find_engine
from domain.sla.bulk.import_plans import ImportMode

# Rows a second: a hundred thousand declared in five minutes, a million settled elsewhere in ten.
TARGETS = {ImportMode.DECLARE: 100_000 / 300, ImportMode.BACKFILL: 1_000_000 / 600}


async def run_measurement(data_dir: Path, rows: int, *, quiet: bool) -> dict[str, Any]:
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, rows, quiet))


async def _measured(found: Found, rows: int, quiet: bool) -> dict[str, Any]:
    report: dict[str, Any] = {"problems": []}
    for mode in (ImportMode.BACKFILL, ImportMode.DECLARE):
        times = await import_bench.measure(found.url, found.api_key, rows, mode)
        if not quiet:
            _show(times)
        if times.imported != rows:
            report["problems"].append(f"{mode}: {times.imported} of {rows} rows were imported")
        report[mode] = asdict(times) | {
            "rows_a_second": times.rows_a_second,
            "target_rows_a_second": round(TARGETS[mode]),
        }
    return report


def _show(times: ImportTimes) -> None:
    print(
        f"{times.mode}: {times.imported:,} of {times.rows:,} rows ({times.file_bytes / 1e6:.1f} MB) in {times.seconds:g} s, "
        f"{times.rows_a_second:,.0f} a second; {times.upload_seconds:g} s of them until the file was stored"
    )
