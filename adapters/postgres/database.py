"""One engine per process; one transaction per unit of work."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.connections.direct_connection import begin_directly, connect_directly
from adapters.postgres.unit_of_work import UnitOfWork, get_active
from domain.errors import Refused, Unavailable


def make_dialect_url(url: str) -> URL:
    """Turn a plain postgresql:// URL, as other tools take it, into one for psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


# Enough memory to hash a million rows, and time to do it.
_LONG_READ_SETTINGS = (
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL statement_timeout = '300s'",
    "SET LOCAL jit = off",
)


async def allow_long_reads(connection: AsyncConnection) -> None:
    """Give a transaction the memory and time to read the whole journal: more than other statements get."""
    for setting in _LONG_READ_SETTINGS:
        await connection.execute(text(setting))


async def take_snapshot(connection: AsyncConnection) -> None:
    """Let a transaction read everything as of one moment; call this before its first statement."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


# A snapshot that is kept open keeps the server from removing old rows; whoever reads so slowly comes again.
_SNAPSHOT_LASTS = "SET LOCAL statement_timeout = '20min'"
_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "options": "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=15s"
    " -c idle_in_transaction_session_timeout=30s",
}
# Whatever the settings of the database and the role are, the commit is on disk when it is answered.
_KEEP_COMMIT = text(
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
# What is checked at a commit is refused here, where the caller can still be told; in one round trip.
_CHECK_NOW = text("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


# Who lists things has each statement planned with its own values: a plan for any site or agreement is a bad one for
# most. A page of an index costs no more than the next page of a table on the disks of today.
_READING = " -c plan_cache_mode=force_custom_plan -c random_page_cost=1.1 -c jit=off"


# Who does the same again and again has each statement prepared at once, and planned once for any values: it finds
# rows by their keys. Planned for its values each time, a statement takes longer to plan than to run.
_REPEATING = " -c plan_cache_mode=force_generic_plan"


class Database:
    """With `reads`, of whoever lists things; with `repeats`, of whoever takes the steps of many outages."""

    def __init__(
        self, url: str, connections_max: int = 10, *, reads: bool = False, repeats: bool = False
    ) -> None:
        """`reads`: what is not a transaction has connections of its own, as many again."""
        self.url = make_dialect_url(url)
        pool: dict[str, Any] = {
            "pool_size": connections_max,
            "max_overflow": 0,
            "pool_timeout": 10,
            "pool_recycle": 1800,
            # The one that was used last is warm: its statements are prepared, and so are its plans.
            "pool_use_lifo": True,
            # Errors are logged, and a log must not contain what a caller sent.
            "hide_parameters": True,
        }
        options = {"options": _CONNECT["options"] + _REPEATING * repeats}
        connect = _CONNECT | options | ({"prepare_threshold": 0} if repeats else {})
        self.engine = create_async_engine(self.url, **pool, connect_args=connect)
        self.committing = self.engine
        if reads:
            options = {"options": _CONNECT["options"] + _READING}
            self.committing = create_async_engine(self.url, **pool, connect_args=_CONNECT | options)

    @property
    def location(self) -> str:
        """The database's name, host and port, for people; no user and no password."""
        url = self.engine.url
        return f"{url.database} at {url.host or 'the local socket'}:{url.port or 5432}"

    @asynccontextmanager
    async def transaction(self, *, durable: bool = False) -> AsyncIterator[AsyncConnection]:
        """
        Open a transaction: commit at the end of the block, roll back on any error.

        `durable` waits for the disk even where the database was told not to: for signed bytes and proofs.
        Within a unit of work it becomes a part of that.
        """
        unit = get_active()
        with _translate_errors():
            begun = begin_directly(self.engine) if unit is None else self._join(unit)
            async with begun as connection:
                if durable:
                    await connection.execute(_KEEP_COMMIT)
                yield connection

    @asynccontextmanager
    async def _join(self, unit: UnitOfWork) -> AsyncIterator[AsyncConnection]:
        if unit.connection is not None:
            async with unit.connection.begin_nested():
                yield unit.connection
                await unit.connection.execute(_CHECK_NOW)
            return
        # The first one has nothing before it that a savepoint would keep.
        connection = await unit.begin(self.engine)
        try:
            yield connection
            await connection.execute(_CHECK_NOW)
        except BaseException:
            await unit.take_back()
            raise

    @asynccontextmanager
    async def open_session(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection that has the settings of now: pooled ones keep those they began with."""
        alone = create_async_engine(
            self.url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args=_CONNECT,
            isolation_level="AUTOCOMMIT",
        )
        with _translate_errors():
            async with alone.connect() as connection:
                yield connection

    @asynccontextmanager
    async def open_snapshot(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a connection of its own that sees everything as of one moment, and has the memory and the time to
        read all of it.
        """
        async with self.open_session() as connection:
            connection = await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                await take_snapshot(connection)
                await allow_long_reads(connection)
                await connection.execute(text(_SNAPSHOT_LASTS))
                yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a connection on which each statement is a transaction: for reads and single writes. Within a
        unit of work that has written something, it is the connection of that, which alone sees it.
        """
        unit = get_active()
        with _translate_errors():
            if unit is not None and unit.connection is not None:
                yield unit.connection
            else:
                async with connect_directly(self.committing) as connection:
                    yield connection

    async def ping(self) -> None:
        """Check that the database answers; raises Unavailable when it does not."""
        async with self.autocommit() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()
        await self.committing.dispose()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn the driver's errors into Refused and Unavailable."""
    try:
        yield
    except DataError as error:
        # It would fail the same way each time, and Temporal would retry the activity for ever.
        raise Refused(f"the database cannot hold this value: {error.orig}") from error
    except (OperationalError, InterfaceError, TimeoutError) as error:
        raise Unavailable("the database does not answer; repeat the request") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the database connection was lost; repeat the request") from error
        raise
