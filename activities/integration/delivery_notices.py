"""How those in one process who wait for deliveries and the one who dispatches them notify each other."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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

    @contextmanager
    def expect(self, outage_id: str) -> Iterator[asyncio.Event]:
        """Set an event whenever this process records a delivery of an outage's events, inside this block."""
        waiting = asyncio.Event()
        self._waiting.setdefault(outage_id, set()).add(waiting)
        try:
            yield waiting
        finally:
            self._waiting[outage_id].discard(waiting)
            if not self._waiting[outage_id]:
                del self._waiting[outage_id]
