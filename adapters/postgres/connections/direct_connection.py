"""
Statements handed to the driver itself.

SQLAlchemy's execution of a statement costs a process several times what the driver takes. A `DirectConnection` leaves it
out. What it does not know (many rows at once, streams, raw SQL), and any connection that somebody listens to, goes
the usual way.
"""

from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn, cast

import psycopg
from sqlalchemy import Connection, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.connections.compiled_statements import compile_statement

_HANDED_OVER = (psycopg.Error, CancelledError, KeyboardInterrupt, SystemExit)


class DirectConnection(AsyncConnection):
    """
    A connection of a pool, `open` for a transaction, or to commit each statement. What it returns of a statement is a
    DirectResult where it executes that itself.
    """

    async def open(self, *, autocommit: bool) -> None:
        try:
            await self.start()
            sync = cast(Connection, self.sync_connection)
            driver: Any = sync.connection.driver_connection
            if driver.autocommit is not autocommit:
                await self._switch(driver, autocommit)
            if not autocommit:
                sync.begin()
        except BaseException:
            await self.close_in_any_case()
            raise

    async def _switch(self, driver: psycopg.AsyncConnection[Any], autocommit: bool) -> None:
        try:
            await driver.set_autocommit(autocommit)
        except _HANDED_OVER as error:
            await self.run_sync(_hand_over, error, "autocommit")

    async def close(self) -> None:
        """Give it back as it was: to whoever takes it next without a word, it opens transactions."""
        sync = self.sync_connection
        if sync is not None and not sync.closed and not sync.invalidated:
            driver: Any = sync.connection.driver_connection
            if driver.autocommit:
                with suppress(psycopg.Error):
                    await driver.set_autocommit(False)
        await super().close()

    async def close_in_any_case(self) -> None:
        """Give it back, also while this task is cancelled; what is not committed is rolled back."""
        if self.sync_connection is not None and not self.closed:
            await self.__aexit__(None, None, None)

    async def execute(
        self, statement: Executable, parameters: Any = None, *, execution_options: Any = None
    ) -> Any:
        driver = None if execution_options else self._find_driver()
        found = None if driver is None else compile_statement(statement, parameters)
        if driver is None or found is None:
            return await super().execute(statement, parameters, execution_options=execution_options)
        compiled, values = found
        shape = compiled.find_shape(values)
        cursor = psycopg.AsyncRawCursor(driver)
        try:
            await cursor.execute(shape.text, shape.put_in(values))
            return await compiled.read(cursor)
        except _HANDED_OVER as error:
            await self.run_sync(_hand_over, error, compiled.compiled.string)
            raise

    def _find_driver(self) -> psycopg.AsyncConnection[Any] | None:
        """Return the driver's connection while its transaction, if it has one, goes well; None is SQLAlchemy's case."""
        sync = self.sync_connection
        if sync is None or sync.closed or sync.invalidated:
            return None
        if sync.dispatch.before_cursor_execute:
            return None
        driver = cast(psycopg.AsyncConnection[Any], sync.connection.driver_connection)
        outer, inner = sync.get_transaction(), sync.get_nested_transaction()
        if outer is None:
            return driver if driver.autocommit else None
        return driver if outer.is_active and (inner is None or inner.is_active) else None


@asynccontextmanager
async def begin_directly(engine: AsyncEngine) -> AsyncIterator[DirectConnection]:
    """Open a transaction: commit at the end of the block, roll back on any error."""
    connection = DirectConnection(engine)
    await connection.open(autocommit=False)
    try:
        yield connection
        await connection.run_sync(_commit_and_close)
    except BaseException:
        await connection.close_in_any_case()
        raise


@asynccontextmanager
async def connect_directly(engine: AsyncEngine) -> AsyncIterator[DirectConnection]:
    """Open a connection on which each statement is a transaction."""
    connection = DirectConnection(engine)
    await connection.open(autocommit=True)
    try:
        yield connection
        await connection.close()
    except BaseException:
        await connection.close_in_any_case()
        raise


def _commit_and_close(sync: Connection) -> None:
    """In one go, which costs half as much as in two."""
    sync.commit()
    sync.close()


def _hand_over(sync: Connection, error: BaseException, text: str) -> NoReturn:
    """Let SQLAlchemy say what an error is, and drop a connection that was lost or whose statement was cancelled."""
    try:
        raise error
    except _HANDED_OVER as raised:
        sync._handle_dbapi_exception(raised, text, None, None, None)
