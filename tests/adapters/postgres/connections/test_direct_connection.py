"""What is handed to the driver itself fails and ends as what SQLAlchemy executes."""

import asyncio
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ProgrammingError

from adapters.postgres.database import Database
from domain.errors import Unavailable


async def test_an_error_is_sqlalchemys_and_a_savepoint_is_gone_back_to(database: Database) -> None:
    async with database.transaction() as connection:
        with pytest.raises(DBAPIError) as refused:
            async with connection.begin_nested():
                await connection.execute(text("SELECT 1 / :zero"), {"zero": 0})
        assert isinstance(refused.value.orig, psycopg.errors.DivisionByZero)
        assert "zero" not in str(refused.value.params)
        assert await connection.scalar(text("SELECT 1")) == 1


async def _fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE left_behind (id int)"))
        await connection.execute(text("SELECT * FROM nowhere_at_all"))


async def test_a_failed_transaction_is_rolled_back_and_its_connection_is_used_again(
    database: Database,
) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    async with alone.autocommit() as connection:
        before = await connection.scalar(text("SELECT pg_backend_pid()"))
    with pytest.raises(ProgrammingError):
        await _fail(alone)
    found = text("SELECT pg_backend_pid(), to_regclass('left_behind') IS NULL")
    async with alone.autocommit() as connection:
        assert tuple((await connection.execute(found)).one()) == (before, True)
    await alone.close()


async def test_each_use_of_a_pooled_connection_says_whether_it_commits(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    transaction = text("SELECT pg_current_xact_id()::text")
    for _ in range(2):
        async with alone.autocommit() as connection:
            before = await connection.scalar(transaction)
            assert await connection.scalar(transaction) != before
        async with alone.transaction() as connection:
            before = await connection.scalar(transaction)
            assert await connection.scalar(transaction) == before
        async with alone.autocommit() as connection:
            await connection.execute(transaction)
        async with alone.engine.connect() as plain:
            before = await plain.scalar(transaction)
            assert await plain.scalar(transaction) == before
    await alone.close()


async def test_a_statement_that_is_cancelled_takes_its_connection_along(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    pid = text("SELECT pg_backend_pid()")

    async def wait(found: list[int]) -> None:
        async with alone.transaction() as connection:
            found.append(int(await connection.scalar(pid) or 0))
            await connection.execute(text("SELECT pg_sleep(10)"))

    found: list[int] = []
    task = asyncio.create_task(wait(found))
    while not found:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with alone.transaction() as connection:
        assert await connection.scalar(pid) not in found
    await alone.close()


async def _read_pid(database: Database, *, ends: bool = False) -> int:
    """Return whose connection a transaction has, which may lose it before its last statement."""
    async with database.transaction() as connection:
        pid = int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)
        if ends:
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            await connection.execute(text("SELECT 1"))
        return pid


async def test_a_lost_connection_is_reported_and_replaced(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    async with alone.autocommit() as connection:
        lost = await connection.scalar(text("SELECT pg_backend_pid()"))
    async with database.autocommit() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
    with pytest.raises(Unavailable, match="repeat the request"):
        await _read_pid(alone)
    assert await _read_pid(alone) != lost
    with pytest.raises(PendingRollbackError):
        await _read_pid(alone, ends=True)
    assert await _read_pid(alone)
    await alone.close()


async def test_who_listens_hears_every_statement(database: Database) -> None:
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        async with database.transaction() as connection:
            assert await connection.scalar(text("SELECT 42")) == 42
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert heard == ["SELECT 42"]


async def test_a_pooled_connection_that_was_closed_meanwhile_is_replaced(
    database: Database,
) -> None:
    """Whether it commits each statement cannot even be said to it."""
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    async with alone.autocommit() as connection:
        raw: Any = await connection.get_raw_connection()
        closed = raw.driver_connection
    await closed.close()
    with pytest.raises(Unavailable):
        await _read_pid(alone)
    assert await _read_pid(alone)
    await alone.close()
