"""Notices that sessions end, for the browsers that listen: one look at the database each second, whoever ended them."""

import asyncio
import logging
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.postgres.access import sessions
from adapters.postgres.database import Database
from domain.access.sessions import EndReason
from domain.errors import ApexError

log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 1.0


@dataclass
class SessionWatch:
    """Who listens, by session, and how often each person does; the look is made only while somebody does."""

    database: Database
    idle: timedelta
    listeners: dict[str, set["asyncio.Queue[EndReason]"]] = field(
        default_factory=lambda: defaultdict(set)
    )
    people: Counter[str] = field(default_factory=Counter)
    looking: "asyncio.Task[None] | None" = None

    @property
    def count(self) -> int:
        return self.people.total()

    def listen(self, session_id: str, person_id: str) -> "asyncio.Queue[EndReason]":
        """Return a queue in which the reason appears once the session has ended."""
        heard: asyncio.Queue[EndReason] = asyncio.Queue()
        self.listeners[session_id].add(heard)
        self.people[person_id] += 1
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self._look_on())
        return heard

    def leave(self, session_id: str, person_id: str, heard: "asyncio.Queue[EndReason]") -> None:
        self.listeners[session_id].discard(heard)
        self.people[person_id] -= 1
        if not self.people[person_id]:
            del self.people[person_id]
        if not self.listeners[session_id]:
            del self.listeners[session_id]

    async def close(self) -> None:
        if self.looking is not None:
            self.looking.cancel()
            with suppress(asyncio.CancelledError):
                await self.looking

    async def _look_on(self) -> None:
        while self.listeners:
            try:
                await self._look()
            except ApexError as error:
                log.warning("ended sessions are not seen meanwhile: %s", error)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _look(self) -> None:
        now = datetime.now(UTC)
        async with self.database.autocommit() as connection:
            for session in await sessions.list_some(connection, list(self.listeners)):
                reason = session.find_end(now, self.idle)
                for heard in self.listeners.get(session.id, ()) if reason else ():
                    heard.put_nowait(reason or EndReason.SESSION_EXPIRED)
