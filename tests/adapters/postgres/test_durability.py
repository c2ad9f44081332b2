"""A commit that PostgreSQL may forget is noticed before money moves, and bytes are kept all the same."""

import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from adapters.postgres.durability import read_durability, require_durability
from devstack.environment.stack import Stack
from domain.errors import NotDurable
from tests.testkit.stacks import open_scratch_database

SHOW = text("SHOW synchronous_commit")


@pytest.fixture
async def forgetful(stack: Stack) -> AsyncIterator[Database]:
    """A database of the suite, whose commits are not waited for: its setting wins over the server's."""
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def _run(database: Database, statement: str) -> None:
    async with database.open_session() as connection:
        await connection.execute(text(statement))


async def test_a_setting_of_the_database_is_refused_and_named(forgetful: Database) -> None:
    with pytest.raises(NotDurable, match=r"may forget what it has committed") as refusal:
        await require_durability(forgetful, "sandbox")
    repair = re.search(r"ALTER DATABASE .* SET synchronous_commit = on", str(refusal.value))
    assert repair is not None
    await _run(forgetful, repair[0])
    await require_durability(forgetful, "sandbox")


async def test_a_setting_of_the_role_is_seen_in_a_new_session_at_once(
    forgetful: Database,
) -> None:
    await _run(forgetful, f'ALTER DATABASE "{forgetful.url.database}" RESET synchronous_commit')
    assert (await read_durability(forgetful)).loss == ""
    role = f'ALTER ROLE "{forgetful.url.username}" IN DATABASE "{forgetful.url.database}"'
    await _run(forgetful, f"{role} SET synchronous_commit = off")
    found = await read_durability(forgetful)
    assert f"by {role} SET synchronous_commit = on" in found.loss


async def test_what_a_crash_of_the_machine_loses_is_refused_outside_of_the_sandbox(
    database: Database,
) -> None:
    # The suite's server writes to the kernel, and not to the disk.
    assert "fsync and full_page_writes off" in await require_durability(database, "sandbox")
    for network in ("testnet", "public"):
        with pytest.raises(NotDurable, match="fsync and full_page_writes off"):
            await require_durability(database, network)


async def test_signed_bytes_and_proofs_are_kept_whatever_the_database_is_set_to(
    forgetful: Database,
) -> None:
    async with forgetful.transaction() as connection:
        assert await connection.scalar(SHOW) == "off"
    async with forgetful.transaction(durable=True) as connection:
        assert await connection.scalar(SHOW) == "on"
    async with forgetful.transaction() as connection:
        assert await connection.scalar(SHOW) == "off"
