"""What the suite stands on: copies that are whole, apart from each other, and as durable as a kill asks for."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from devstack.environment.postgres import Postgres
from devstack.environment.stack import Stack
from devstack.processes.ports import free
from devstack.processes.supervisor import Supervisor
from migrations.run import check
from tests.testkit.api_client import wait_until
from tests.testkit.stacks import TEMPLATE, create_scratch_database


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_stack_of_the_suite_spares_the_disk_and_nothing_else(stack: Stack) -> None:
    query = "SELECT name, setting FROM pg_settings WHERE name = ANY('{%s}') ORDER BY 1"
    names = "fsync,full_page_writes,synchronous_commit"
    found = ask(stack.environment["DATABASE_URL"], query % names)
    assert found == [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "on")]


def test_a_scratch_database_is_at_the_newest_migration_and_gone_afterwards(stack: Stack) -> None:
    server = stack.environment["DATABASE_URL"]
    with create_scratch_database(server) as one, create_scratch_database(server) as other:
        check(one)
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE mine ()")
        assert ask(other, "SELECT to_regclass('mine')") == [(None,)]
    left = ask(server, "SELECT datname FROM pg_database WHERE datname LIKE 'scratch%'")
    names = {one.rpartition("/")[2], other.rpartition("/")[2]}
    assert not {(name,) for name in names} & set(left)
    assert ask(server, f"SELECT datistemplate FROM pg_database WHERE datname = '{TEMPLATE}'")


async def test_without_fsync_a_kill_still_loses_nothing(tmp_path: Path) -> None:
    """What is committed was handed to the kernel, and the kernel was not killed."""
    reported: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", reported.append)
    postgres = Postgres(tmp_path, free(), durable=False)
    await postgres.make()
    await supervisor.start(postgres.program())
    try:
        await postgres.make_database()
        await asyncio.to_thread(_write, postgres.url)
        supervisor.kill("postgres")

        async def back() -> bool:
            return "postgres serves again" in reported

        await wait_until(back, "the server is back")
        assert await asyncio.to_thread(ask, postgres.url, "SELECT count(*) FROM kept") == [(100,)]
    finally:
        await supervisor.stop(["postgres"])


def _write(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for n in range(100):
            connection.execute("INSERT INTO kept VALUES (%s)", [n])


@pytest.mark.parametrize("durable", [True, False])
def test_only_the_suite_asks_to_spare_the_disk(tmp_path: Path, durable: bool) -> None:
    command = Postgres(tmp_path, 1, durable=durable).program().command
    assert ("--fsync=on" in command, "--full_page_writes=off" in command) == (durable, not durable)
