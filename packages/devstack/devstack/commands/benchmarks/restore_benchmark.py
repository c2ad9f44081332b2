"""`apexchainx bench restore`: how long a restore of so many outages takes, part by part."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.bench import restore_bench
from devstack.bench.restore_bench import RestoreTimes
from devstack.commands.stacks import Found, find_engine

TARGET_SECONDS = 300
JOBS = 2


async def run_measurement(data_dir: Path, outages: int, *, quiet: bool) -> dict[str, Any]:
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, outages, quiet))


async def _measured(found: Found, outages: int, quiet: bool) -> dict[str, Any]:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    url = record.owner_url
    with tempfile.TemporaryDirectory() as folder:
        times = await restore_bench.measure(url, outages, Path(folder), JOBS)
    if not quiet:
        _show(times)
    late = f"the restore took {times.total} s, more than {TARGET_SECONDS} s"
    problems = [late] if times.total > TARGET_SECONDS else []
    if times.recognised != times.paid_since:
        problems.append(f"{times.recognised} of {times.paid_since} payments were recognised")
    return asdict(times) | {"total_seconds": times.total, "problems": problems}


def _show(times: RestoreTimes) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{times.outages:,} outages, {times.unpaid} of them not paid at the time of the backup, {times.paid_since} paid "
        f"after it: {times.backup_bytes / 1e6:.1f} MB, written in {times.backup_seconds:g} s"
    )
    parts = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in times.seconds.items())
    console.print(f"{times.recognised} recognised on the chain; RTO {times.total:g} s: {parts}")
