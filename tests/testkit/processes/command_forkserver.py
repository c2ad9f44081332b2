"""
Commands of the product that start in some milliseconds: each is a process of its own, forked from this one,
which has imported everything and touched nothing.

    python -m tests.testkit.processes.command_forkserver SOCKET

Whoever connects sends one message: a module, its arguments, environment and folder as JSON, with the descriptors that
are to be its input, output and errors. The answers are the pid, and the exit code when it has ended. The server ends
with its own input, so with whoever started it.
"""

import gc
import json
import os
import runpy
import select
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

# What most of the time of a short command goes into.
IMPORTED = (
    *("cli.channels", "cli.journal", "cli.migrate", "cli.payments", "cli.polling"),
    *("cli.access.keys", "cli.access.people", "cli.access.tokens"),
    *("cli.recovery.verify_migrations", "devstack.commands.replay"),
    *("worker.main", "worker.settlement"),
)
MESSAGE_BYTES = 1 << 17


def serve(path: str) -> None:
    for module in IMPORTED:
        import_module(module)
    # Nothing of it is looked through, and so copied, in the processes to come.
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            _reap()
            if os.fork() == 0:
                listener.close()
                _keep(connection)
            connection.close()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(connection: socket.socket) -> NoReturn:
    """Start the command that is asked for, and say how it ended."""
    try:
        message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 3)
        pid = os.fork()
        if pid == 0:
            connection.close()
            _run(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(pid).encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.send(str(code).encode())
    finally:
        os._exit(0)


def _run(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be `python -m MODULE ARGUMENTS`."""
    code: object = 1
    try:
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        sys.argv = [order["module"], *order["arguments"]]
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    except Exception:  # noqa: BLE001 - as at the end of any program
        traceback.print_exc()
    finally:
        if not isinstance(code, int):
            print(code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve(sys.argv[1])
