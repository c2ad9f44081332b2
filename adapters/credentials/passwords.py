"""
Passwords: argon2id, computed by a process of its own that leaves the processor to everything else first.

A hash takes 19 MiB and some 50 ms, so that a crowd of guessers must wait: beyond a short line they are asked to come again.
A thread would do the same work, but one of low priority that holds the interpreter's lock holds up all others.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import orjson
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from domain.errors import TooMany, Unavailable

# The least that OWASP recommends with one lane: 19 MiB, twice over.
OPERATIONS = 2
MEMORY_BYTES = 19 * 1024 * 1024
LINE_MAX = 16
NICENESS = 5
_PARAMETERS = f"$argon2id$v=19$m={MEMORY_BYTES // 1024},t={OPERATIONS},p=1$"
# Of no password: an address that nobody has costs as much as a wrong password does.
_NOBODYS = f"{_PARAMETERS}4iPEUpTvLHtY8PYZOo/ZZQ$97seXD/JwL5s9GJ68yfhNl4Rn0Pw5snru33ZdYKoGvg"


class PasswordHasher:
    """Hashes and verifies off the event loop; what waits is bounded."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return str(await self._ask(password))

    async def verify(self, known: str | None, password: str) -> bool:
        """Return whether it is the password; None, for nobody's, takes as long and is never."""
        same = await self._ask(password, known or _NOBODYS)
        return same is True and known is not None

    async def close(self) -> None:
        """Let the process end, as it also does when this one dies."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def _ask(self, *given: str) -> object:
        if self._waiting >= LINE_MAX:
            raise TooMany("too many people are logging in at once: try again in a moment", 2)
        self._waiting += 1
        try:
            # To its end, whoever waits: the next answer would be taken for this one.
            return await asyncio.shield(self._exchange(given))
        finally:
            self._waiting -= 1

    async def _exchange(self, given: tuple[str, ...]) -> object:
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
                        return orjson.loads(answer)
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
        given = orjson.loads(line)
        answer = _hash(*given) if len(given) == 1 else _verify(*given)
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _serve()
