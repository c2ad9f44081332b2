"""A unit of work is committed as a whole or not at all, and what waits for the commit is called after it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from adapters.postgres.unit_of_work import UnitOfWork, call_after_commit, conclude
from devstack.environment.stack import Stack
from tests.testkit.stacks import open_scratch_database

SAVE = "INSERT INTO api_keys (id, name, role, digest, created_by) VALUES (:name, :name, 'admin', :digest, 'a test')"


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def save(database: Database, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(SAVE), {"name": name, "digest": name.encode()})


async def save_and_fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(SAVE), {"name": "lost", "digest": b"lost"})
        raise ZeroDivisionError


async def has(database: Database, name: str) -> bool:
    async with database.autocommit() as connection:
        found = text("SELECT count(*) FROM api_keys WHERE name = :name")
        return bool(await connection.scalar(found, {"name": name}))


async def test_two_use_cases_are_committed_together(scratch: Database) -> None:
    unit, called = UnitOfWork(), list[str]()

    async def call() -> None:
        called.append("called")
        assert await has(scratch, "second")

    with unit.activate():
        await save(scratch, "first")
        await call_after_commit(call)
        await save(scratch, "second")
        assert await has(scratch, "first"), "it sees what it wrote"
    assert not await has(scratch, "first"), "nobody else does"
    assert called == []
    await unit.commit()
    assert await has(scratch, "first")
    assert called == ["called"]


async def test_those_who_wait_for_the_commit_do_not_wait_for_each_other(scratch: Database) -> None:
    """Hundreds of payments are signalled when the circuit breaker closes, and the workflow server may be away."""
    unit, together = UnitOfWork(), asyncio.Barrier(3)

    async def call() -> None:
        await together.wait()

    with unit.activate():
        await save(scratch, "signalled")
        for _ in range(3):
            await call_after_commit(call)
    async with asyncio.timeout(10):
        await unit.commit()


async def test_a_part_that_fails_takes_itself_back_and_no_more(scratch: Database) -> None:
    unit = UnitOfWork()
    with unit.activate():
        await save(scratch, "kept")
        with pytest.raises(ZeroDivisionError):
            await save_and_fail(scratch)
    await unit.commit()
    assert (await has(scratch, "kept"), await has(scratch, "lost")) == (True, False)


async def test_what_is_rolled_back_leaves_nothing(scratch: Database) -> None:
    unit, called = UnitOfWork(), list[str]()

    async def call() -> None:
        called.append("called")

    with unit.activate():
        await save(scratch, "gone")
        await call_after_commit(call)
    await unit.roll_back()
    assert not await has(scratch, "gone")
    assert called == []


async def test_whoever_is_asked_meanwhile_sees_what_was_written(scratch: Database) -> None:
    unit = UnitOfWork()
    with unit.activate():
        await save(scratch, "before")
        await conclude()
        await save(scratch, "after")
    await unit.roll_back()
    assert (await has(scratch, "before"), await has(scratch, "after")) == (True, True)
