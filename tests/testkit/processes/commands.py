"""Runs commands of the product as processes of their own, without the seconds that their imports take."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

from tests.testkit.processes.command_forkserver import MESSAGE_BYTES
from tests.testkit.source_tree import ROOT

LIMIT_SECONDS = 120


def run_command(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    said: str = "",
    merged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """
    Do what `subprocess.run` of `python -m MODULE` would: `said` is its input, and `environment` all of its
    environment, by default ours. What is `merged` has its errors among its output.
    """
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
    ):
        given.write(said)
        given.seek(0)
        connection.settimeout(LIMIT_SECONDS)
        connection.connect(_start_server())
        order = {
            "module": module,
            "arguments": arguments,
            "environment": dict(os.environ if environment is None else environment),
            "folder": os.getcwd(),
        }
        files = [given, out, out if merged else err]
        socket.send_fds(connection, [json.dumps(order).encode()], [file.fileno() for file in files])
        code = _wait(connection)
        return subprocess.CompletedProcess(arguments, code, _read(out), _read(err))


def _wait(connection: socket.socket) -> int:
    pid = int(connection.recv(MESSAGE_BYTES))
    try:
        return int(connection.recv(MESSAGE_BYTES))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@cache
def _start_server() -> str:
    """Start the server of this process, once; return the path of its socket."""
    folder = tempfile.mkdtemp(prefix="commands-")
    path = Path(folder) / "socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.testkit.processes.command_forkserver", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def stop() -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()
        path.unlink()
        path.parent.rmdir()

    atexit.register(stop)
    assert server.stdout.readline() == b"ready\n"
    return str(path)
