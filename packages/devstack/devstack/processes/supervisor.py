"""Keeps children alive: one that dies is started again, in the same place, until it dies too often."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from devstack.processes.child_processes import Process
from devstack.processes.programs import CannotStart, Program

RESTARTS_PER_MINUTE = 10
FAILED_STARTS_IN_A_ROW = 5
LONGEST_PAUSE_SECONDS = 5.0


@asynccontextmanager
async def run_all_or_none() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks that live and die together; the first failure is raised as itself, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class Supervisor:
    """Starts programs and restarts the ones that die; `gave_up` resolves to the sentence that ends it all."""

    def __init__(
        self,
        logs: Path,
        notify: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        *,
        forks: bool = False,
    ) -> None:
        self.restarts: dict[str, int] = {}
        self.gave_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._logs = logs
        self._notify = notify
        self._changed = changed
        self._forks = forks
        self._processes: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: each.pid for name, each in self._processes.items() if each.pid}

    async def start(self, program: Program) -> None:
        process = Process(program, self._logs, forks=self._forks)
        self._processes[program.name] = process
        self.restarts[program.name] = 0
        await process.start()
        self._keepers[program.name] = asyncio.create_task(self._keep(process))

    async def stop(self, names: Iterable[str]) -> None:
        """In parallel; those that never ran are passed over."""
        async with run_all_or_none() as group:
            for name in names:
                if name in self._processes:
                    group.create_task(self._stop(name))

    def kill(self, name: str) -> None:
        """As a stranger's `kill -9` would; it comes back by itself."""
        self._processes[name].kill()

    async def _stop(self, name: str) -> None:
        keeper = self._keepers.pop(name, None)
        if keeper:
            keeper.cancel()
            await asyncio.wait([keeper])
        await self._processes.pop(name).stop()

    async def _keep(self, process: Process) -> None:
        name = process.program.name
        deaths: list[float] = []
        failed_starts = 0
        while True:
            code = await process.wait()
            deaths = [*(at for at in deaths if at > time.monotonic() - 60), time.monotonic()]
            if len(deaths) > RESTARTS_PER_MINUTE or failed_starts >= FAILED_STARTS_IN_A_ROW:
                return self._give_up(process)
            self.restarts[name] += 1
            self._notify(f"{name} {_ending(code)}; starting it again")
            await asyncio.sleep(min(0.1 * 2 ** (len(deaths) - 1), LONGEST_PAUSE_SECONDS))
            try:
                await process.start()
                failed_starts = 0
                self._notify(f"{name} serves again")
                self._changed()
            except (CannotStart, OSError) as failure:
                failed_starts += 1
                self._notify(str(failure))

    def _give_up(self, process: Process) -> None:
        if not self.gave_up.done():
            name = process.program.name
            self.gave_up.set_result(f"{name} keeps dying; its log is {process.log}")


def _ending(code: int) -> str:
    # Where the guard stays in between it reports a signal as the shell does, above 128.
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        return f"was ended by {signal.Signals(number).name}"
    return f"ended with exit code {code}"
