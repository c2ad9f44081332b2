"""How the parts of a stack are started, one after what it stands on."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any


async def start_after(
    tasks: Sequence[asyncio.Task[None]], work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    await asyncio.gather(*tasks)
    await work()


def make_module_command(name: str, *arguments: str) -> list[str]:
    # -P: a folder called `api` or `worker` where the user happens to stand is not ours.
    return [sys.executable, "-P", "-m", name, *arguments]
