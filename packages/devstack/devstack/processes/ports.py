"""Loopback ports: one that is free, or the one asked for, or a sentence that names it."""

import fcntl
import os
import secrets
import socket
import tempfile
from functools import cache
from pathlib import Path

from devstack.processes.programs import CannotStart

LOOPBACK = "127.0.0.1"
# Below every kernel's range for outgoing connections: a crashed server finds its port unused when it comes back.
LOWEST, HIGHEST = 20_000, 32_000
ATTEMPTS = 200
# A port is listened on only seconds after it was chosen. Until then this set shows this process that it is
# taken, and a lock of the port's own byte in one file shows the others; it ends with the process.
_given: set[int] = set()


def choose(wanted: int | None, option: str) -> int:
    """`wanted` if it can be had, else refuse; any free port when none is wanted."""
    if wanted is None:
        return free()
    if not _available(wanted):
        raise CannotStart(f"port {wanted} is taken; free it or choose another with {option}")
    # Whoever wishes for a port may have it from a process that holds it for this one.
    _claim(wanted)
    _given.add(wanted)
    return wanted


def free() -> int:
    """One that nobody listens on, and that no process of this user has given out and still lives."""
    for _ in range(ATTEMPTS):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _given and _claim(port) and _available(port):
            _given.add(port)
            return port
    raise CannotStart(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


def _claim(port: int) -> bool:
    """Lock the port's byte; False when another process has it."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    # Opened once: closing any descriptor of the file would give up every lock of the process.
    path = Path(tempfile.gettempdir()) / f"apexchainx-ports-{os.getuid()}.lock"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _available(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free, one that is listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True
