"""
Passwords: argon2id, computed by a process of its own that leaves the processor to everything else first.

A hash takes 19 MiB and some 50 ms, so that a crowd of guessers must wait: they have a fifth of a processor, and beyond a
short line they are asked to come again. Whoever is known, by a session or by a browser that has logged in before, does not
wait behind them. A thread would do the same work, but one of low priority that holds the interpreter's lock holds up all others.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import orjson
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from domain.errors import TooMany, Unavailable

# The least that OWASP recommends with one lane: 19 MiB, twice over.
OPERATIONS = 2
MEMORY_BYTES = 19 * 1024 * 1024
# In each of the two lines: that of strangers, and that of those who are known.
LINE_MAX = 16
# What strangers may use of a processor in the long run, and at once, in seconds.
FRACTION, BURST_SECONDS = 0.2, 1.0
NICENESS = 5
_PARAMETERS = f"$argon2id$v=19$m={MEMORY_BYTES // 1024},t={OPERATIONS},p=1$"
# Of no password: an address that nobody has costs as much as a wrong password does.
_NOBODYS = f"{_PARAMETERS}4iPEUpTvLHtY8PYZOo/ZZQ$97seXD/JwL5s9GJ68yfhNl4Rn0Pw5snru33ZdYKoGvg"


class PasswordHasher:
    """Hashes and verifies off the event loop; what waits is bounded."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn, self._strangers = asyncio.Lock(), asyncio.Lock()
        self._waiting = {True: 0, False: 0}
        # What strangers have used, less what they may have used since; and the instant as of which.
        self._used, self._used_at = 0.0, 0.0

    async def hash(self, password: str) -> str:
        """Hash for somebody who has proved who they are, and does not wait behind strangers."""
        return str(await self._ask(password, by_stranger=False))

    async def verify(self, known: str | None, password: str, *, by_stranger: bool = True) -> bool:
        """Return whether it is the password; None, for nobody's, takes as long and is never."""
        same = await self._ask(password, known or _NOBODYS, by_stranger=by_stranger)
        return same is True and known is not None

    async def close(self) -> None:
        """Let the process end, as it also does when this one dies."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def _ask(self, *given: str, by_stranger: bool = True) -> object:
        if self._waiting[by_stranger] >= LINE_MAX:
            raise TooMany("too many people are logging in at once: try again in a moment", 2)
        self._waiting[by_stranger] += 1
        try:
            if not by_stranger:
                return (await self._finish(given))[0]
            async with self._strangers:
                await asyncio.sleep(max(self._count(0.0) - BURST_SECONDS, 0.0) / FRACTION)
                answer, seconds = await self._finish(given)
                self._count(seconds)
                return answer
        finally:
            self._waiting[by_stranger] -= 1

    def _count(self, seconds: float) -> float:
        """Return what strangers have used beyond what they may, with these seconds."""
        now = time.monotonic()
        self._used = max(self._used - (now - self._used_at) * FRACTION, 0.0) + seconds
        self._used_at = now
        return self._used

    async def _finish(self, given: tuple[str, ...]) -> tuple[object, float]:
        """To its end, whoever waits: the next answer would be taken for this one."""
        return await asyncio.shield(self._exchange(given))

    async def _exchange(self, given: tuple[str, ...]) -> tuple[object, float]:
        """Return the answer, and what it took of the processor."""
        async with self._turn:
            # A process that somebody has killed is followed by another.
            for _ in range(2):
                process = await self._start()
                assert process.stdin is not None
                assert process.stdout is not None
                with suppress(ConnectionError):
                    process.stdin.write(orjson.dumps(given) + b"\n")
                    await process.stdin.drain()
                    if answer := await process.stdout.readline():
                        found, seconds = orjson.loads(answer)
                        return found, seconds
                await process.wait()
        raise Unavailable("passwords cannot be checked just now; repeat the request")

    async def _start(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-P", "-m", "adapters.credentials.passwords")
            self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        return self._process


def is_outdated(known: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return not known.startswith(_PARAMETERS)


def _hash(password: str) -> str:
    return argon2id.str(password.encode(), OPERATIONS, MEMORY_BYTES).decode().rstrip("\x00")


def _verify(password: str, known: str) -> bool:
    try:
        return bool(argon2id.verify(known.encode(), password.encode()))
    except InvalidkeyError:
        return False


def _serve() -> None:
    """Answer each line until whoever asks has closed it, or is dead."""
    os.nice(NICENESS)
    for line in sys.stdin.buffer:
        given, began = orjson.loads(line), time.process_time()
        answer = _hash(*given) if len(given) == 1 else _verify(*given)
        took = time.process_time() - began
        sys.stdout.buffer.write(orjson.dumps((answer, took)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _serve()
