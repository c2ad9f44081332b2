"""A process that has imported a module, and forks itself for each order to run it.

    python -P -m devstack.processes.fork_server MODULE DESCRIPTOR

A start of the module then costs some hundredths of a second of CPU instead of seconds, and each is a process of its
own: in a session of its own, ended by the death signal when this one ends, killed by `kill -9` like any other. An
order comes as one message on the socket at the descriptor: JSON, with a descriptor for the output and one for the
answers, which are the pid, and the exit code when it has ended. The server ends when nobody holds the other end.

It starts no thread and no event loop, and imports what `python -m MODULE` does, so a fork has loaded nothing else.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

from devstack.processes.parent_death import PR_SET_PDEATHSIG, prctl

MESSAGE_BYTES = 1 << 17


def serve(module: str, control: socket.socket) -> None:
    _preload(module)
    waking, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    server = os.getpid()
    while True:
        readable, _, _ = select.select([control.fileno(), waking], [], [])
        if waking in readable:
            os.read(waking, 4096)
            _report_ends(children)
        if control.fileno() in readable:
            message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
            if not message:
                return
            output, answers = descriptors
            connection = socket.socket(fileno=answers)
            if (pid := os.fork()) == 0:
                for each in (control, connection, *children.values()):
                    each.close()
                os.close(waking)
                _become(module, json.loads(message), output, server)
            os.close(output)
            children[pid] = connection
            _answer(connection, pid)


def _preload(module: str) -> None:
    """Import what the module does when it is run, and leave it to be run."""
    gc.disable()
    spec = find_spec(module)
    package = spec is not None and spec.submodule_search_locations is not None
    program = f"{module}.__main__" if package else module
    import_module(program)
    del sys.modules[program]
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit(f"{module} starts threads when it is imported: a fork would lack them")
    # Nothing of it is looked through, and so copied, in the processes to come.
    gc.freeze()
    gc.enable()


def _report_ends(children: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with children.pop(ended[0]) as connection:
                _answer(connection, os.waitstatus_to_exitcode(ended[1]))


def _answer(connection: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        connection.send(str(number).encode())


def _become(module: str, order: dict[str, Any], output: int, server: int) -> NoReturn:
    """Be `python -m MODULE ARGUMENTS` in the forked process."""
    code: object = 1
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, order["death_signal"])
        if os.getppid() != server:  # it ended before the death signal was asked for
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place in (1, 2):
            os.dup2(output, place)
        os.close(output)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        sys.argv = [module, *order["arguments"]]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = None
    except SystemExit as ending:
        code = ending.code
    except BaseException:  # noqa: BLE001 - as at the end of any program
        traceback.print_exc()
    finally:
        if isinstance(code, str):
            print(code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
