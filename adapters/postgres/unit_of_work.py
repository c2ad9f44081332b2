"""
A unit of work: what one request writes becomes one transaction, which ends with the record of its answer.

While one is active, each transaction of a use case is a part of it, and each after the first a savepoint. It
is committed with the answer or not at all. Whoever is asked for something outside the database must see what is written so far:
`conclude` commits it, and the rest of the request has transactions of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connections.direct_connection import DirectConnection

Deferred = Callable[[], Awaitable[None]]


class UnitOfWork:
    def __init__(self) -> None:
        self._connection: AsyncConnection | None = None
        self._deferred: list[Deferred] = []
        self.concluded = False

    @property
    def connection(self) -> AsyncConnection | None:
        """The connection of what is written so far; None before the first transaction and after the end."""
        return self._connection

    @contextmanager
    def activate(self) -> Iterator[None]:
        """Let the transactions of this block, and of all that it awaits, be parts of this unit."""
        token = _ACTIVE.set(self)
        try:
            yield
        finally:
            _ACTIVE.reset(token)

    async def begin(self, engine: AsyncEngine) -> AsyncConnection:
        if self._connection is None:
            connection = DirectConnection(engine)
            await connection.open(autocommit=False)
            self._connection = connection
        return self._connection

    def defer(self, call: Deferred) -> None:
        """Call it after the commit, and never when there is none."""
        self._deferred.append(call)

    async def commit(self) -> None:
        """End the unit: what it wrote is on record, and what waited for that is called."""
        self.concluded = True
        connection, self._connection = self._connection, None
        deferred, self._deferred = self._deferred, []
        if connection is not None:
            try:
                await connection.commit()
            finally:
                await connection.close()
        # All at once, as without a unit: each may wait for a server that is away.
        await asyncio.gather(*(call() for call in deferred))

    async def roll_back(self) -> None:
        self.concluded = True
        await self.take_back()

    async def take_back(self) -> None:
        """Undo what was written so far; the unit goes on."""
        connection, self._connection = self._connection, None
        self._deferred.clear()
        if connection is not None:
            await connection.close()


_ACTIVE: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


def get_active() -> UnitOfWork | None:
    """Return the unit that transactions have to join; None for almost everybody."""
    unit = _ACTIVE.get()
    return None if unit is None or unit.concluded else unit


async def conclude() -> None:
    """Commit what was written so far, before somebody outside the database is asked to go on with it."""
    if (unit := get_active()) is not None:
        await unit.commit()


async def call_after_commit(call: Deferred) -> None:
    """Call at once, or after the commit of what is being written."""
    unit = get_active()
    if unit is None or unit.connection is None:
        await call()
    else:
        unit.defer(call)
