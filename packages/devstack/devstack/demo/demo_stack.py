"""Where a demo plays: in a stack that already runs on the data directory, or in one of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.ports import choose
from devstack.processes.programs import CannotStart
from devstack.processes.supervisor import run_all_or_none

PORT = 8000
GLANCE_SECONDS = 0.1
KEY = "BOOTSTRAP_API_KEY"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Home:
    """A stack that serves; `stack` is None when somebody else started it and will stop it."""

    url: str
    environment: dict[str, str]
    stack: Stack | None

    @property
    def key(self) -> str:
        return self.environment[KEY]

    @property
    def workflows_url(self) -> str | None:
        """Where the Temporal Web UI lists every outage."""
        interface = self.environment.get("TEMPORAL_UI_URL")
        namespace = self.environment.get("TEMPORAL_NAMESPACE", "default")
        return f"{interface}/namespaces/{namespace}/workflows" if interface else None

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work unless a part keeps dying: then say which."""
        doing = asyncio.create_task(work)
        dying = asyncio.create_task(self._gave_up())
        try:
            await asyncio.wait([doing, dying], return_when=asyncio.FIRST_COMPLETED)
            if dying.done() and not doing.done():
                raise CannotStart(dying.result())
            await doing
        finally:
            doing.cancel()
            dying.cancel()
            await asyncio.wait([doing, dying])

    async def _gave_up(self) -> str:
        if self.stack is None:
            await asyncio.Event().wait()
        assert self.stack is not None
        return await self.stack.gave_up()


@asynccontextmanager
async def find_home(
    directory: Path, port: int | None, say: Say, deadline: float
) -> AsyncIterator[Home]:
    """Join the stack that runs there, or start one and stop it in the end."""
    running = DataDirectory(directory).running()
    if running:
        if port is not None and port != running.ports.get("api"):
            raise CannotStart(
                f"ApexChainx runs in {directory} already, at {running.url}: leave --port out"
            )
        say(f"ApexChainx runs here already, at {running.url}; the demo plays there.")
        yield _joined(running)
        return
    stack = Stack(StackOptions(directory, _port(port, say)), say)
    try:
        await _start(stack, say, deadline)
        yield Home(stack.url, stack.environment, stack)
    finally:
        await stack.stop()


async def _start(stack: Stack, say: Say, deadline: float) -> None:
    try:
        async with asyncio.timeout_at(deadline), run_all_or_none() as group:
            group.create_task(stack.start())
            group.create_task(_tell_progress(stack, say))
    except TimeoutError:
        raise CannotStart(f"not up in time; the logs are in {stack.directory.logs}") from None


def _joined(record: StackRecord) -> Home:
    return Home(record.url, record.environment, None)


def _port(wanted: int | None, say: Say) -> int:
    if wanted is not None:
        return choose(wanted, "--port")
    try:
        return choose(PORT, "--port")
    except CannotStart:
        port = choose(None, "--port")
        say(f"Port {PORT} is taken by another program, so the API will listen on {port}.")
        return port


async def _tell_progress(stack: Stack, say: Say) -> None:
    """The parts of the engine start once the services serve; say when that is."""
    say("Starting the database (PostgreSQL), the memory (Temporal) and the chain (Stellar) ...")
    while True:
        if "api" in stack.pids:
            return say("Starting the workers and the HTTP API ...")
        await asyncio.sleep(GLANCE_SECONDS)
