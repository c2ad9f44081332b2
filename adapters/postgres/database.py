"""One engine per process; one transaction per unit of work."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from domain.errors import Refused, Unavailable


def make_dialect_url(url: str) -> URL:
    """Accept the plain postgresql:// of every other tool; this engine speaks psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


# Enough to hash a million rows in memory, and time to do it.
_ROOM = (
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL statement_timeout = '300s'",
    "SET LOCAL jit = off",
)


async def allow_long_reads(connection: AsyncConnection) -> None:
    """Let a transaction read all of the journal, which takes more than any other statement may."""
    for setting in _ROOM:
        await connection.execute(text(setting))


async def take_snapshot(connection: AsyncConnection) -> None:
    """Let a transaction, before its first question, read all of it as of one moment."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


class Database:
    def __init__(self, url: str, connections_max: int = 10) -> None:
        self.engine = create_async_engine(
            make_dialect_url(url),
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            # An error is logged, and what a caller wrote has no place in a log.
            hide_parameters=True,
            connect_args={
                "connect_timeout": 5,
                "options": "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=15s"
                " -c idle_in_transaction_session_timeout=30s",
            },
        )
        self.committing = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commit on the way out, roll back on any error."""
        with _translate_errors():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Each statement is a transaction of its own: for reads, and for what one statement does."""
        with _translate_errors():
            async with self.committing.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Make sure that it answers."""
        async with self.autocommit() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Say in our own words that the database does not answer."""
    try:
        yield
    except DataError as error:
        # It would fail the same way for ever, and a step that fails is tried for ever.
        raise Refused(f"the database cannot hold this value: {error.orig}") from error
    except (OperationalError, InterfaceError, TimeoutError) as error:
        raise Unavailable("the database does not answer; repeat the request") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the database connection was lost; repeat the request") from error
        raise
