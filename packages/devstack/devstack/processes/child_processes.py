"""One child process: started under a guard, waited for until it serves, stopped in good order or killed.

Children are spawned by the main thread only. Linux sends the death signal when the *thread* that forked
dies, so a child of a short-lived thread would be killed in mid-work.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from devstack.processes.forks import PYTHON_MODULE, ForkedProcess, get_fork_server, is_module
from devstack.processes.process_groups import has_members, signal_group
from devstack.processes.programs import CannotStart, Program

PARENT_DEATH = Path(__file__).with_name("parent_death.py")
WATCHED_BY_PIPE = not sys.platform.startswith("linux")
LOG_LIMIT_BYTES = 20_000_000
POLL_SECONDS = 0.02


class Process:
    """A program that can be started again after it ended; one that is a module of Python may be forked."""

    def __init__(self, program: Program, logs: Path, *, forks: bool = False) -> None:
        self.program = program
        self._forks = forks and not WATCHED_BY_PIPE and is_module(program.command)
        self.log = logs / f"{program.name}.log"
        self._log_start = 0
        self._child: asyncio.subprocess.Process | ForkedProcess | None = None
        self._guard: int | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self.running and self._child else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    async def start(self) -> None:
        """Return when it serves; a child that does not is not left behind."""
        await self.program.prepare()
        try:
            await self._spawn()
            await self._until_ready()
        except BaseException:
            # Not killed: a postmaster takes its own children along only when it is asked to stop.
            await self.stop()
            raise

    async def finish(self) -> None:
        """Run a program that ends by itself; one that is called off or fails leaves nothing behind."""
        await self.start()
        try:
            code = await self.wait()
        except BaseException:
            await self.stop()
            raise
        if code != 0:
            raise CannotStart(self._sentence("failed"))

    async def wait(self) -> int:
        """The exit code, negative for the signal that ended it."""
        if self._child is None:
            return 0
        code = await self._child.wait()
        self._let_go()
        return code

    async def stop(self) -> None:
        """Return when it is gone, and what it started in its own group: an initdb leaves before its server does."""
        group = self.pid
        self.signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(self.program.stop_seconds):
                await self.wait()
                while group and has_members(group):
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            if group:
                signal_group(group, signal.SIGKILL)
            await self.wait()

    def kill(self) -> None:
        """As `kill -9` does: no goodbye."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """To its whole group: where the guard stays in between, both must get it."""
        if self.running and self._child:
            signal_group(self._child.pid, number)

    def output(self) -> str:
        """What it has printed since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    async def _spawn(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a guard holds only for children of the main thread")
        inherited, self._guard = os.pipe() if WATCHED_BY_PIPE else (None, None)
        with self._open_log() as log, ExitStack() as ends:
            if inherited is not None:
                ends.callback(os.close, inherited)
            starting: Coroutine[Any, Any, asyncio.subprocess.Process | ForkedProcess] = (
                self._fork(log) if self._forks else self._execute(log, inherited)
            )
            spawning = asyncio.ensure_future(starting)
            try:
                await asyncio.shield(spawning)
            finally:
                # Also when it is called off: asyncio would kill the child alone, and not what it has started.
                self._child = await spawning

    async def _fork(self, log: IO[bytes]) -> ForkedProcess:
        module, *arguments = self.program.command[len(PYTHON_MODULE) :]
        return await get_fork_server(module).fork(
            arguments, self.program.environment, log.fileno(), self.program.death_signal
        )

    async def _execute(self, log: IO[bytes], inherited: int | None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._guarded(inherited),
            env=self.program.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Away from the terminal: a Ctrl-C there reaches only the stack, which stops its children in order.
            start_new_session=True,
            pass_fds=[] if inherited is None else [inherited],
        )

    def _guarded(self, pipe: int | None) -> list[str]:
        return [
            *(sys.executable, "-I", "-S", str(PARENT_DEATH)),
            str(os.getpid()),
            str(int(self.program.death_signal)),
            self.program.user or "-",
            "-" if pipe is None else str(pipe),
            *self.program.command,
        ]

    def _open_log(self) -> IO[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        log = self.log.open("ab")
        self._log_start = log.tell()
        return log

    def _let_go(self) -> None:
        if self._guard is not None:
            os.close(self._guard)
            self._guard = None

    async def _until_ready(self) -> None:
        limit = time.monotonic() + self.program.start_seconds
        while not await self.program.ready(self.output()):
            if not self.running:
                raise CannotStart(self._sentence("stopped while starting"))
            if time.monotonic() > limit:
                raise CannotStart(
                    self._sentence(f"did not serve within {self.program.start_seconds:.0f} s")
                )
            await asyncio.sleep(POLL_SECONDS)

    def _sentence(self, what: str) -> str:
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        last = lines[-1] if lines else "it printed nothing"
        return f"{self.program.name} {what}: {last} (its log is {self.log})"
