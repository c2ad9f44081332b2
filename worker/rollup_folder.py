"""
Folds what has changed into the sums that analytics are read from, as long as this process runs.

Figures are as of the last commit whether it runs or not; the longer it does not, the more each read adds up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from temporalio.client import Client

from adapters.postgres.database import Database
from domain.analytics.rollups import FOLDED_MAX, FoldResult, choose_portion
from domain.errors import ApexError
from services.analytics.rollups.fold_changes import fold_changes

log = logging.getLogger(__name__)


class RollupFolder:
    def __init__(self, database: Database, every_seconds: int) -> None:
        self.database = database
        self.every_seconds = every_seconds
        self.portion = FOLDED_MAX

    async def run(self) -> None:
        while True:
            try:
                while (await self.fold()).goes_on:
                    pass
            except ApexError as error:
                log.warning("changes are folded again in %d seconds: %s", self.every_seconds, error)
            except Exception:
                # A defect must not end it: reads would grow slower and slower.
                log.exception("folding failed; it goes on in %d seconds", self.every_seconds)
            await asyncio.sleep(self.every_seconds)

    async def fold(self) -> FoldResult:
        """Fold a portion, and choose the size of the next one: what was too much is never tried again as it was."""
        began, took = time.monotonic(), None
        try:
            found = await fold_changes(self.database, self.portion)
            took = timedelta(seconds=time.monotonic() - began)
            return found
        finally:
            self.portion = choose_portion(self.portion, took)


def make_rollup_folder(
    database: Database,
    every_seconds: int,
    stack: AsyncExitStack,
    begin: Callable[[Client], Awaitable[None]],
) -> Callable[[Client], Awaitable[None]]:
    """Return what begins the other work of a worker, and then the folder, which stops with the worker."""

    async def begin_both(client: Client) -> None:
        await begin(client)
        folder = RollupFolder(database, every_seconds)
        stack.push_async_callback(_stop, asyncio.create_task(folder.run()))

    return begin_both


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    # A driver may report its own error for what was cancelled; the folder ends all the same.
    with suppress(asyncio.CancelledError, ApexError):
        await task
