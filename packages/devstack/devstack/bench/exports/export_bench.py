"""How long outages take as a file by HTTP, and what that costs the API in memory; beside a bare COPY of their rows."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psycopg
from sqlalchemy import make_url

from devstack.bench import seed_journal
from devstack.bench.edge.peak_memory import PeakMemory
from devstack.bench.exports import seed_outages
from devstack.environment.launch import make_module_command
from devstack.environment.stack import READINESS
from devstack.processes.child_processes import Process
from devstack.processes.ports import LOOPBACK, free
from devstack.processes.programs import Program
from devstack.processes.readiness import serves

EXPORTS = "/api/v1/exports"
FORMATS = ("csv", "json", "ndjson")
BARE = b"""
COPY (SELECT o.*, r.* FROM outages o LEFT JOIN sla_results r ON r.outage_id = o.id) TO STDOUT (FORMAT csv)
"""


@dataclass(frozen=True, slots=True)
class ExportTimes:
    """Of one format: seconds of each round, and the most memory that the API had meanwhile."""

    form: str
    rows: int
    size: int
    seconds: list[float]
    peak_mb: int
    problems: list[str]


@dataclass(frozen=True, slots=True)
class ExportRounds:
    """`bare_seconds` are those of a COPY of the same rows, read by nobody's rules, once in each round."""

    rows: int
    bare_seconds: list[float]
    bare_size: int
    formats: list[ExportTimes]


async def measure(
    server_url: str, environment: Mapping[str, str], rows: int, rounds: int, logs: Path
) -> ExportRounds:
    """Write so many outages into a database of their own, and export them through an API of its own."""
    async with seed_journal.make_scratch(server_url) as database:
        await seed_outages.write(database, rows)
        url = make_url(database.url).set(drivername="postgresql")
        address = url.render_as_string(hide_password=False)
        # The scratch database has a default agreement, of parties that exist on no chain.
        own = {"DATABASE_URL": address, "SLA_AGREEMENT": "served"}
        async with run_api(dict(environment) | own, logs) as (port, pid):
            key = environment["BOOTSTRAP_API_KEY"]
            return await _measure_rounds(
                f"http://{LOOPBACK}:{port}", key, pid, address, rows, rounds
            )


@asynccontextmanager
async def run_api(environment: Mapping[str, str], logs: Path) -> AsyncIterator[tuple[int, int]]:
    """Run the API as a process of its own; yield its port and its pid."""
    port = free()

    async def ready(_output: str) -> bool:
        return await serves(port, READINESS)

    program = Program(
        name="export-api",
        command=make_module_command("api"),
        ready=ready,
        environment={**os.environ, **environment, "API_HOST": LOOPBACK, "API_PORT": str(port)},
    )
    process = Process(program, logs)
    await process.start()
    try:
        assert process.pid is not None
        yield port, process.pid
    finally:
        await process.stop()


async def _measure_rounds(
    url: str, key: str, pid: int, address: str, rows: int, rounds: int
) -> ExportRounds:
    bare, bare_size, found = list[float](), 0, dict[str, list[ExportTimes]]()
    headers, unhurried = {"X-API-Key": key}, aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(url, headers=headers, timeout=unhurried) as caller:
        for _ in range(rounds):
            began = time.perf_counter()
            bare_size = await asyncio.to_thread(_copy_bare, address)
            bare.append(round(time.perf_counter() - began, 2))
            for form in FORMATS:
                found.setdefault(form, []).append(await measure_format(caller, form, pid, rows))
    formats = [
        ExportTimes(
            form,
            each[-1].rows,
            each[-1].size,
            [seconds for one in each for seconds in one.seconds],
            max(one.peak_mb for one in each),
            [problem for one in each for problem in one.problems],
        )
        for form, each in found.items()
    ]
    return ExportRounds(rows, bare, bare_size, formats)


def _copy_bare(address: str) -> int:
    """Return how many bytes PostgreSQL sends for the same rows, unordered, as they lie in their tables."""
    with psycopg.connect(address) as connection, connection.cursor().copy(BARE) as copy:
        return sum(len(part) for part in copy)


async def measure_format(
    caller: aiohttp.ClientSession, form: str, pid: int, rows: int
) -> ExportTimes:
    """Read all outages as a file, and compare it with its receipt; `pid` is the API's."""
    memory, digest, size = PeakMemory(pid), hashlib.sha256(), 0
    memory.forget()
    began = time.perf_counter()
    async with caller.get(f"{EXPORTS}/outages", params={"format": form}) as answer:
        answer.raise_for_status()
        async for part in answer.content.iter_any():
            digest.update(part)
            size += len(part)
    seconds = round(time.perf_counter() - began, 2)
    peak = memory.read_mb()
    async with caller.get(f"{EXPORTS}/receipts/{answer.headers['X-Export-Id']}") as shown:
        receipt = await shown.json()
    problems = []
    if receipt["sha256"] != digest.hexdigest():
        problems.append(f"what came as {form} is not what the receipt says")
    if receipt["rows"] != rows:
        problems.append(f"{receipt['rows']} rows came as {form}, of {rows}")
    return ExportTimes(form, receipt["rows"], size, [seconds], peak, problems)
