"""A clock for the transaction watcher that goes on when somebody waits."""

import asyncio
from typing import Any


class WatcherTicks:
    """
    Lets the transaction watcher read a page when somebody waits for what it finds, and at no other time:
    how long the database took in between decides nothing.
    """

    def __init__(self) -> None:
        self.sleepers: list[asyncio.Future[None]] = []

    async def sleep(self, _seconds: float) -> None:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers.append(sleeper)
        await sleeper

    async def wait_for(self, future: "asyncio.Future[Any]", _seconds: float) -> Any:
        """Wait for a chain in this process, and not for the clock."""
        for _ in range(4):
            if future.done():
                return future.result()
            sleepers, self.sleepers = self.sleepers, []
            for sleeper in sleepers:
                if not sleeper.done():  # of a signer that has died meanwhile
                    sleeper.set_result(None)
            await asyncio.sleep(0)
        raise TimeoutError
