"""How the parts of a stack are started, one after what it stands on."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from devstack.processes.forks import PYTHON_MODULE


async def start_after(
    tasks: Sequence[asyncio.Task[None]], work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    await asyncio.gather(*tasks)
    await work()


def make_module_command(name: str, *arguments: str) -> list[str]:
    return [*PYTHON_MODULE, name, *arguments]
