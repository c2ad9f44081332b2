"""How those in one process who wait for deliveries and the one who dispatches them notify each other."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress


class DeliveryNotices:
    def __init__(self) -> None:
        self.due = asyncio.Event()
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def wake(self) -> None:
        """Have whoever dispatches look at once."""
        self.due.set()

    def announce(self, outage_ids: Iterable[str | None]) -> None:
        """Notify whoever waits for a delivery of these outages: one was recorded."""
        for outage_id in outage_ids:
            for waiting in self._waiting.get(outage_id or "", ()):
                waiting.set()

    async def await_recorded(self, outage_id: str, seconds: float) -> None:
        """Wait until this process has recorded a delivery of an outage's events, at most so long."""
        waiting = asyncio.Event()
        self._waiting.setdefault(outage_id, set()).add(waiting)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiting.wait()
        finally:
            self._waiting[outage_id].discard(waiting)
            if not self._waiting[outage_id]:
                del self._waiting[outage_id]
