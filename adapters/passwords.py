"""
Passwords: argon2id, computed by two threads that leave the processor to everything else first.

A hash takes 19 MiB and some 50 ms, so that a crowd of guessers must wait: beyond a short line they are asked to come again.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from domain.errors import TooMany

Made = TypeVar("Made", str, bool)
# The least that OWASP recommends with one lane: 19 MiB, twice over.
OPERATIONS = 2
MEMORY_BYTES = 19 * 1024 * 1024
THREADS = 2
LINE_MAX = 16
_PARAMETERS = f"$argon2id$v=19$m={MEMORY_BYTES // 1024},t={OPERATIONS},p=1$"


class PasswordHasher:
    """Hashes and verifies off the event loop; what waits is bounded."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "passwords", initializer=_step_back)
        self._waiting = 0
        # Of no password: an address that nobody has costs as much as a wrong password does.
        self._nobodys = _hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        return await self._run(_hash, password)

    async def verify(self, known: str | None, password: str) -> bool:
        """Return whether it is the password; None, for nobody's, takes as long and is never."""
        same = await self._run(_verify, known or self._nobodys, password)
        return same and known is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., Made], *given: str) -> Made:
        if self._waiting >= LINE_MAX:
            raise TooMany("too many people are logging in at once: try again in a moment", 2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)
        finally:
            self._waiting -= 1


def is_outdated(known: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return not known.startswith(_PARAMETERS)


def _hash(password: str) -> str:
    return argon2id.str(password.encode(), OPERATIONS, MEMORY_BYTES).decode().rstrip("\x00")


def _verify(known: str, password: str) -> bool:
    try:
        return bool(argon2id.verify(known.encode(), password.encode()))
    except InvalidkeyError:
        return False


def _step_back() -> None:
    """Give this thread the least priority: on Linux each thread has its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
