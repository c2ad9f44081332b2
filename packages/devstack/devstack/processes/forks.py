"""Starts Python modules as forks of processes that have imported them: fork_server.py tells how, and what for."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from devstack.processes.programs import CannotStart

ANSWER_BYTES = 64
# -P: a folder called `api` or `worker` where the user happens to stand is not ours.
PYTHON_MODULE = (sys.executable, "-P", "-m")


class ForkedProcess:
    """What asyncio would tell of a child of ours, of a child of a fork server."""

    def __init__(self, pid: int, answers: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._await_end(answers))

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    async def _await_end(self, answers: socket.socket) -> int:
        with answers:
            answer = await asyncio.get_running_loop().sock_recv(answers, ANSWER_BYTES)
        # Without an answer the server has ended, and this process with it.
        self.returncode = int(answer) if answer else -signal.SIGKILL
        return self.returncode


class ForkServer:
    """A process that has imported a module, started when it is first asked, and again when it has ended."""

    def __init__(self, module: str) -> None:
        self.module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it starts with the first fork"
        return self._process.pid

    async def fork(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        output: int,
        death_signal: signal.Signals,
    ) -> ForkedProcess:
        """Run the module in a process of its own, whose output and errors go to a descriptor."""
        order = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": os.getcwd(),
            "death_signal": int(death_signal),
        }
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            answers.setblocking(False)
            with theirs:
                self._send(json.dumps(order).encode(), [output, theirs.fileno()])
            answer = await asyncio.get_running_loop().sock_recv(answers, ANSWER_BYTES)
            if not answer:
                raise CannotStart(
                    f"{self.module} could not be imported to be forked, or the process that had has ended"
                )
        except BaseException:
            answers.close()
            raise
        return ForkedProcess(int(answer), answers)

    def stop(self) -> None:
        """End the server, and with it whatever still runs of its forks."""
        if self._process and self._control:
            self._control.close()
            self._process.wait()
            self._process = self._control = None

    def _send(self, order: bytes, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._start(), [order], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            # It was killed a moment ago, and was not yet seen to have ended.
            self.stop()
            socket.send_fds(self._start(), [order], descriptors)

    def _start(self) -> socket.socket:
        if self._process and self._control and self._process.poll() is None:
            return self._control
        self.stop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [*PYTHON_MODULE, "devstack.processes.fork_server", self.module]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # Its forks write each line at once, and have the rest of their environment by the order.
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._control


@cache
def get_fork_server(module: str) -> ForkServer:
    """The one of this process."""
    server = ForkServer(module)
    atexit.register(server.stop)
    return server


def is_module(command: Sequence[str]) -> bool:
    """Whether a command is that of a module, so that a fork server may run it."""
    return tuple(command[: len(PYTHON_MODULE)]) == PYTHON_MODULE
