"""Where a command finds an engine: at the address given, already running, or started for the occasion."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.ports import free
from devstack.processes.programs import CannotStart

Result = TypeVar("Result")
KEY_NAME = "BOOTSTRAP_API_KEY"


@dataclass(frozen=True)
class Found:
    """An engine, and the directory of its stack when it is one of this machine."""

    url: str
    api_key: str
    directory: DataDirectory | None = None
    stack: Stack | None = None

    @property
    def record(self) -> StackRecord | None:
        """Read each time, since a part that was started again has another pid."""
        return self.directory.record() if self.directory else None

    async def during(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do the work, unless the stack that was started for it cannot be kept up."""
        if self.stack is None:
            return await work
        lost = asyncio.create_task(_lost(self.stack.gave_up()))
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task, lost], return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else lost.result()
        finally:
            for each in (task, lost):
                each.cancel()
            await asyncio.wait([task, lost])


async def _lost(sentence: Awaitable[str]) -> Any:
    raise CannotStart(await sentence)


@asynccontextmanager
async def find_engine(url: str | None, api_key: str | None, data_dir: Path) -> AsyncIterator[Found]:
    """The one at `url`, else the one that runs in `data_dir`, else one that runs for as long as this."""
    directory = DataDirectory(data_dir)
    running = directory.running()
    here = running if running and url in (None, running.url) else None
    if here:
        yield Found(here.url, api_key or here.environment[KEY_NAME], directory)
    elif url:
        if not api_key:
            raise CannotStart(f"--api-key or {KEY_NAME} is needed for an engine elsewhere")
        yield Found(url, api_key)
    else:
        stack = Stack(StackOptions(data_dir, port=free()))
        print(f"starting an engine in {data_dir}", file=sys.stderr)
        await stack.start()
        try:
            key = stack.environment[KEY_NAME]
            yield Found(stack.url, api_key or key, stack.directory, stack)
        finally:
            await stack.stop()
