"""Loopback ports: one that is free, or the one asked for, or a sentence that names it."""

import secrets
import socket

from sandbox.processes import CannotStart

LOOPBACK = "127.0.0.1"
# Below every kernel's range for outgoing connections: a crashed server finds its port unused when it comes back.
LOWEST, HIGHEST = 20_000, 32_000
ATTEMPTS = 200
# A port is listened on only seconds after it was chosen: until then nothing but this set knows that it is spoken for.
_given: set[int] = set()


def choose(wanted: int | None, option: str) -> int:
    """`wanted` if it can be had, else refuse; any free port when none is wanted."""
    if wanted is None:
        return free()
    if not _available(wanted):
        raise CannotStart(f"port {wanted} is taken; free it or choose another with {option}")
    _given.add(wanted)
    return wanted


def free() -> int:
    """One that nobody listens on and that this process has not given out before."""
    for _ in range(ATTEMPTS):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _given and _available(port):
            _given.add(port)
            return port
    raise CannotStart(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


def _available(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free, one that is listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True
