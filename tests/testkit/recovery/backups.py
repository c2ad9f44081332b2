"""
Backups of a stack's data, taken while it stands still, and put back while the chain has gone on.

The chain is the one part that nobody restores, so it alone keeps running.
"""

import asyncio
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devstack.environment.postgres import Postgres
from devstack.environment.stack import SIGNER, STOP_ORDER, Stack
from devstack.processes.supervisor import run_all_or_none

DATABASE, WORKFLOWS = "database", "workflows"


async def stop_all_but_chain(stack: Stack) -> None:
    for names in STOP_ORDER:
        await stack._running.stop([name for name in names if name != "stellar"])


async def start_all_but_chain(stack: Stack) -> None:
    """Return when everything serves again, on the data that is there now."""
    services, supervisor = stack._services, stack._running
    assert services is not None
    async with run_all_or_none() as group:
        group.create_task(services.start_database(supervisor))
        group.create_task(services.start_temporal(supervisor))
    async with run_all_or_none() as group:
        for program in (stack._api(), stack._worker("worker"), stack._worker(SIGNER)):
            group.create_task(supervisor.start(program))


def _list_files(stack: Stack, part: str) -> list[Path]:
    directory = stack.directory.path
    if part == DATABASE:
        return [Postgres(directory, 0).cluster]
    return sorted(directory.glob("temporal.db*"))


async def keep_data(stack: Stack, folder: Path) -> None:
    """Copy the database and the workflow server's memory; nothing but the chain runs meanwhile."""
    for part in (DATABASE, WORKFLOWS):
        kept = folder / part
        kept.mkdir(parents=True)
        for path in _list_files(stack, part):
            await _copy(path, kept / path.name)


async def put_back(
    stack: Stack, folder: Path, parts: Sequence[str] = (DATABASE, WORKFLOWS)
) -> None:
    """Replace what is there by what was kept."""
    for part in parts:
        for path in _list_files(stack, part):
            await asyncio.to_thread(subprocess.run, ["rm", "-rf", str(path)], check=True)
        where = Postgres(stack.directory.path, 0).cluster.parent
        to = where if part == DATABASE else stack.directory.path
        for path in sorted((folder / part).iterdir()):
            await _copy(path, to / path.name)


async def _copy(source: Path, target: Path) -> None:
    # With its owner, who is another user where root runs the suite.
    await asyncio.to_thread(subprocess.run, ["cp", "-a", str(source), str(target)], check=True)
