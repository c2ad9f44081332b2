"""Builds that serve at the same time: only their APIs and databases work, so that one is measured alone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psutil

from devstack.bench.lifecycle.comparison import Build
from devstack.environment.services import is_seed
from devstack.processes.data_dir import DataDirectory
from devstack.processes.ports import free
from devstack.processes.programs import CannotStart

START_SECONDS, STOP_SECONDS = 180, 60
KEY = "key-of-the-benchmark-of-reads-01"


@dataclass(frozen=True)
class RunningBuild:
    name: str
    url: str
    owner_url: str
    api_pid: int


@asynccontextmanager
async def run_build(build: Build, *, works: bool = False) -> AsyncIterator[RunningBuild]:
    """Start the stack of a build, hold its workers still unless it `works`, and stop it in the end."""
    process = await asyncio.create_subprocess_exec(
        str(build.command),
        *("up", "--data-dir", str(build.directory), "--port", str(free())),
        *("--temporal-ui-port", str(free())),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=build.command.parents[2],
        env=_list_environment(),
    )
    kept: list[int] = []
    try:
        url = await _await_ready(process, build.name)
        record = DataDirectory(build.directory).record()
        if record is None:
            raise CannotStart(f"{build.name}: it serves and has not written where")
        kept = [pid for name, pid in record.pids.items() if "worker" in name and not works]
        _signal_all(kept, signal.SIGSTOP)
        yield RunningBuild(build.name, url, record.owner_url, record.pids["api"])
    finally:
        _signal_all(kept, signal.SIGCONT)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)


def _list_environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not is_seed(name)}
    return own | {"BOOTSTRAP_API_KEY": KEY}


async def _await_ready(process: asyncio.subprocess.Process, name: str) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if line.startswith("ready "):
                return line.split()[1]
    raise CannotStart(f"{name}: its stack ended before it served")


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(number)
