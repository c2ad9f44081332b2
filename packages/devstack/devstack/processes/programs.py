"""What to run as a child process, and how to know that it serves."""

import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field


class CannotStart(Exception):
    """Says in one sentence why, and what to do about it."""


async def is_ready_at_once(output: str) -> bool:
    """Ready as soon as it runs."""
    return True


async def says_ready(output: str) -> bool:
    """Ready when it printed a line, whole, whose first word is `ready`."""
    lines = output.splitlines(keepends=True)
    return any(line.split()[:1] == ["ready"] and line.endswith("\n") for line in lines)


async def prepare_nothing() -> None:
    """The default preparation."""


@dataclass(frozen=True)
class Program:
    """What to run, and how to know that it serves; `ready` is given what it has printed so far."""

    name: str
    command: Sequence[str]
    ready: Callable[[str], Awaitable[bool]] = is_ready_at_once
    prepare: Callable[[], Awaitable[None]] = (
        prepare_nothing  # before each start, also after a crash
    )
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    start_seconds: float = 60
    stop_seconds: float = 15
